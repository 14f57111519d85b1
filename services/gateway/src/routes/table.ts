import type { AnyRoute } from "../http/route.js";
import { NODE_ROUTES } from "./nodes.js";
import { POWER_ROUTES } from "./power.js";

/** Everything that the API can do. Validation, authorisation, OpenAPI and the reference are made from it. */
export const ROUTES: readonly AnyRoute[] = [...NODE_ROUTES, ...POWER_ROUTES];
