import { seconds } from "@outrider/contracts/clock";
import { powerResult } from "@outrider/contracts/power";
import { serviceClock, type ClockReading } from "@outrider/contracts/service";
import { startTestBroker } from "@outrider/testing/broker";
import { eventually, within } from "@outrider/testing/eventually";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { expect, test } from "vitest";
import { startClockBeacon } from "./clock-beacon.js";
import { mintCommandId } from "./mint-id.js";
import { collector, Fixture } from "./testing/fixture.js";
import { resultSample } from "./testing/samples.js";

test("an issuer’s clock is told before anything else, then every two seconds, under a new id after a sleep", async () => {
  await using broker = await startTestBroker();
  await using fixture = new Fixture(broker.url);
  const reader = await fixture.started();
  const order: string[] = [];
  const beacons = collector<ClockReading, { service: string }>();
  reader.subscribe(serviceClock, { service: "power" }, (message) => {
    order.push("beacon");
    beacons.handler(message);
  });
  const subscription = reader.subscribe(powerResult, {}, () => void order.push("other"));
  await subscription.acknowledged(within());

  const clock = new VirtualClock();
  const session = fixture.session({ clock });
  const beacon = startClockBeacon(session, "power", clock);
  session.onConnect(() =>
    session.publish(powerResult, { node: "n1" }, resultSample(mintCommandId(), 0, {})),
  );
  await clock.advance(seconds(60));
  session.start();
  await session.ready(within());
  await eventually("both are read", () => order.length === 2);
  expect(order).toEqual(["beacon", "other"]);
  expect(beacons.messages[0]?.payload).toEqual(beacon.reading());

  await clock.advance(seconds(2));
  await beacons.count("the second beacon", 2);
  await clock.advance(seconds(2));
  await beacons.count("the third beacon", 3);
  const [first, second, third] = beacons.messages.map(({ payload }) => payload);
  expect([first?.id, third?.id]).toEqual([second?.id, second?.id]);
  expect((third?.ms ?? 0) - (first?.ms ?? 0)).toBe(4000);

  // The machine slept for a minute: only the calendar went on.
  clock.stepCalendar(60_000);
  await clock.advance(seconds(2));
  await beacons.count("the beacon after the sleep", 4);
  const after = beacons.messages[3]?.payload;
  expect(after?.id).not.toBe(third?.id);
  expect(beacon.reading().id).toBe(after?.id);
  beacon.stop();
  await clock.advance(seconds(60));
  expect(beacons.messages).toHaveLength(4);
});
