import { faultsSuite } from "./testing/faults-suite.js";
import { sessionSuite } from "./testing/session-suite.js";

sessionSuite("aedes");
faultsSuite("aedes");
