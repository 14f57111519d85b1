import { endpointId, nodeId } from "@outrider/contracts/ids";

/** The one node of the model, and its one endpoint. */
export const NODE = nodeId("n1");
export const ENDPOINT = endpointId(NODE, "power");
