import { readSite } from "@outrider/inventory-service/site-file";
import { describe, expect, it } from "vitest";
import { DEMO_NODES, demoSite } from "./demo-site.js";

describe("the demonstration's site", () => {
  it.each([
    [{ rack: '/tmp/it\'s: "odd" #1/rack.sock' }, { socket: '/tmp/it\'s: "odd" #1/rack.sock' }],
    [{ rack: "127.0.0.1:4000" }, { url: "http://127.0.0.1:4000" }],
  ])("is a right site file, wherever the rack is: %j", (wires, where) => {
    const site = readSite(demoSite(wires), "demo.yaml");
    expect(site.nodes.map(({ id }) => id)).toEqual(DEMO_NODES.map(({ id }) => id));
    expect(
      site.nodes[2]?.endpoints.map(({ kind, driver, options }) => [kind, driver, options]),
    ).toEqual(
      ["power", "reset", "button", "console", "identify", "sensor", "heartbeat"].map((kind) => [
        kind,
        "simulated",
        { ...where, slot: 3 },
      ]),
    );
  });

  it("has a virtual machine where there is a chassis", () => {
    const site = readSite(demoSite({ rack: "/r", chassis: "/c" }), "demo.yaml");
    expect(site.nodes.at(-1)).toMatchObject({
      id: "vm1",
      endpoints: [
        { kind: "power", driver: "qemu", options: { directory: "/c", slot: 1 } },
        { kind: "console", driver: "qemu", options: { directory: "/c", slot: 1 } },
      ],
    });
  });
});
