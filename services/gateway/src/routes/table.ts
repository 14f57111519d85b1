import type { AnyRoute } from "../http/route.js";
import { AGENT_ROUTES } from "./agents.js";
import { ALARM_ROUTES } from "./alarms.js";
import { AUDIT_ROUTES } from "./audit.js";
import { CONSOLE_LOG_ROUTES } from "./console-logs.js";
import { CONSOLE_RULE_ROUTES } from "./console-rules.js";
import { CONSOLE_SCRIPT_ROUTES } from "./console-scripts.js";
import { CONSOLE_SESSION_ROUTES } from "./console-sessions.js";
import { CONSOLE_ROUTES } from "./consoles.js";
import { CREDENTIAL_ROUTES } from "./credentials.js";
import { ENDPOINT_ROUTES } from "./endpoints.js";
import { EVENT_HISTORY_ROUTES } from "./event-history.js";
import { EVENT_ROUTES } from "./events.js";
import { IDENTIFY_ROUTES } from "./identify.js";
import { INVENTORY_ROUTES } from "./inventory.js";
import { LIVE_TELEMETRY_ROUTES } from "./live-telemetry.js";
import { LOCK_ROUTES } from "./locks.js";
import { MEASUREMENT_ROUTES } from "./measurements.js";
import { METRICS_ROUTE } from "./metrics.js";
import { NODE_ROUTES } from "./nodes.js";
import { POWER_ROUTES } from "./power.js";
import { PROBLEM_ROUTES } from "./problems.js";
import { READING_ROUTES } from "./readings.js";
import { SENSOR_ROUTES } from "./sensors.js";
import { SESSION_ROUTES } from "./session.js";
import { SITE_ROUTES } from "./site.js";
import { TICKET_ROUTES } from "./tickets.js";
import { TRANSITION_ROUTES } from "./transitions.js";
import { USER_ROUTES } from "./users.js";

/** Everything that the API can do. Validation, authorisation, OpenAPI and the reference are made from it. */
export const ROUTES: readonly AnyRoute[] = [
  ...NODE_ROUTES,
  ...POWER_ROUTES,
  ...IDENTIFY_ROUTES,
  ...TRANSITION_ROUTES,
  ...LOCK_ROUTES,
  ...AGENT_ROUTES,
  ...ENDPOINT_ROUTES,
  ...CONSOLE_ROUTES,
  ...CONSOLE_SESSION_ROUTES,
  ...CONSOLE_LOG_ROUTES,
  ...CONSOLE_SCRIPT_ROUTES,
  ...CONSOLE_RULE_ROUTES,
  ...SENSOR_ROUTES,
  ...READING_ROUTES,
  ...LIVE_TELEMETRY_ROUTES,
  ...MEASUREMENT_ROUTES,
  ...ALARM_ROUTES,
  METRICS_ROUTE,
  ...SITE_ROUTES,
  ...INVENTORY_ROUTES,
  ...EVENT_ROUTES,
  ...EVENT_HISTORY_ROUTES,
  ...TICKET_ROUTES,
  ...AUDIT_ROUTES,
  ...SESSION_ROUTES,
  ...USER_ROUTES,
  ...CREDENTIAL_ROUTES,
  ...PROBLEM_ROUTES,
];
