import { expect, test } from "vitest";
import { brokerAddress } from "./socket.js";

test.each([
  ["mqtt://127.0.0.1:1884", { host: "127.0.0.1", port: 1884, tls: false }],
  ["mqtt://broker.lan", { host: "broker.lan", port: 1883, tls: false }],
  ["mqtts://broker.lan/", { host: "broker.lan", port: 8883, tls: true }],
  ["mqtt://[::1]:99", { host: "::1", port: 99, tls: false }],
])("%s is a broker’s", (url, address) => {
  expect(brokerAddress(url)).toEqual(address);
});

test.each(["", "broker.lan:1883", "http://broker.lan", "mqtt://", "mqtt://user:hunter2@"])(
  "%s is none, and what stood there is not repeated",
  (url) => {
    expect(() => brokerAddress(url)).toThrow(/must look like mqtt:\/\/host:1883/);
    expect(() => brokerAddress(url)).not.toThrow(/hunter2/);
  },
);
