import { documentsSuite } from "./testing/documents-suite.js";
import { faultsSuite } from "./testing/faults-suite.js";
import { sessionSuite } from "./testing/session-suite.js";

sessionSuite("aedes");
documentsSuite("aedes");
faultsSuite("aedes");
