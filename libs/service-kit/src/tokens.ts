/** Injection tokens of what every service is given. */

/** The service's `Clock`. */
export const CLOCK = Symbol("outrider:clock");
/** The service's `Log`. */
export const LOG = Symbol("outrider:log");
/** `{ name, version }` of the service. */
export const SERVICE = Symbol("outrider:service");
/** The service's `ClockBeacon`, whose readings stamp its commands. */
export const BEACON = Symbol("outrider:beacon");
/** The service's `Metrics`, to which its providers add their own. */
export const METRICS = Symbol("outrider:metrics");
/** The service's `Health`, to which its providers add what else can be wrong. */
export const HEALTH = Symbol("outrider:health");
