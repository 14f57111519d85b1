import { CONSOLE } from "./boards/console.js";
import { DOMAIN } from "./boards/domain.js";
import { FLEET } from "./boards/fleet.js";
import { HISTORY } from "./boards/history.js";
import { NODE } from "./boards/node.js";
import { SYSTEM } from "./boards/system.js";
import type { DashboardDescription } from "./description.js";

/** All dashboards, in the order in which a person meets them. */
export const DASHBOARDS: readonly DashboardDescription[] = [
  FLEET,
  NODE,
  DOMAIN,
  CONSOLE,
  HISTORY,
  SYSTEM,
];
