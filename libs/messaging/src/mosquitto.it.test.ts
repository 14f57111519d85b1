import { hasMosquitto } from "@outrider/testing/broker";
import { describe } from "vitest";
import { documentsSuite } from "./testing/documents-suite.js";
import { faultsSuite } from "./testing/faults-suite.js";
import { sessionSuite } from "./testing/session-suite.js";

describe.skipIf(!hasMosquitto())("mosquitto", () => {
  sessionSuite("mosquitto");
  documentsSuite("mosquitto");
  faultsSuite("mosquitto");
});
