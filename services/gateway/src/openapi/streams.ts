import { ID_PATTERN } from "@outrider/contracts/ids";
import { AttachQuery } from "../consoles/attach-query.js";
import { propertiesOf } from "../http/shape.js";

/** What is no request and reply, so that the table does not have it: described by hand. */

const FILTER = [
  {
    name: "nodes",
    in: "query",
    required: false,
    description: "Node set: only these nodes.",
    schema: { type: "string", maxLength: 8000 },
  },
  {
    name: "kinds",
    in: "query",
    required: false,
    description:
      "Only these kinds, separated by commas: `node`, `node-gone`, `result`, `event`, `transition`, `lock`, `site`, `proposal`, `agent`, `service`, `alarm`.",
    schema: { type: "string", maxLength: 500 },
  },
] as const;

const WHAT =
  "First `hello`, then what was missed since `Last-Event-ID` where that is still known (`missed` says whether not), then every node, agent and service as they are and the alarms that stand of what is no node, then `snapshot-end`, then changes. Of a node only its last state is told. A heartbeat comes every 15 seconds. A client that does not keep up is cut off.";

const problem = (description: string): object => ({
  description,
  content: {
    "application/problem+json": { schema: { $ref: "#/components/schemas/ProblemDetails" } },
  },
});

export const STREAMS: Readonly<Record<string, object>> = {
  "/events": {
    operationId: "streamEvents",
    tags: ["events"],
    summary: "What is and what happens, as Server-Sent Events.",
    description: WHAT,
    "x-right": "read",
    "x-stream": true,
    parameters: [
      ...FILTER,
      {
        name: "Last-Event-ID",
        in: "header",
        required: false,
        schema: { type: "string", maxLength: 100 },
      },
    ],
    responses: {
      200: {
        description: "Events, each with a JSON object as its data.",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      400: problem("A parameter is wrong."),
      401: problem("Nobody is signed in."),
      403: problem("Whoever asks may not read."),
      421: problem("The Host header names a host that this gateway does not know."),
      422: problem("The node set cannot be read."),
      429: problem("Too many look on already."),
    },
  },
  "/events/ws": {
    operationId: "streamEventsWebSocket",
    tags: ["events"],
    summary: "The same over WebSocket, each message a JSON object.",
    description:
      "The subprotocols offered are `outrider.v1` and `ticket.<ticket>`, where the ticket is one of `POST /api/v1/tickets`. Origin, Host and ticket are checked before the upgrade.",
    "x-right": "read",
    "x-stream": true,
    parameters: [...FILTER],
    responses: {
      101: { description: "The protocol was switched." },
      400: problem("This is no WebSocket handshake, or a parameter is wrong."),
      401: problem("The ticket is unknown, used or too old."),
      403: problem("The page is of another origin."),
      421: problem("The Host header names a host that this gateway does not know."),
      422: problem("The node set cannot be read."),
      429: problem("Too many look on already."),
    },
  },
  "/nodes/{node}/console/attach": {
    operationId: "attachConsole",
    tags: ["consoles"],
    summary: "A terminal at a console, over WebSocket.",
    description:
      "Binary messages are the bytes of the console, both ways. Text messages are JSON: a client asks (`ConsoleAsk`), the service tells (`ConsoleTold`); with `escape` there are none, and what is told are lines of text. Opened with a ticket or a token as the live events are; Origin, Host and rights are checked before the upgrade. Typing needs the right console-write, power from inside the console the right power.",
    "x-right": "console-read",
    "x-stream": true,
    parameters: [
      {
        name: "node",
        in: "path",
        required: true,
        schema: { type: "string", pattern: ID_PATTERN.source },
      },
      ...parametersOf(AttachQuery),
    ],
    responses: {
      101: { description: "The protocol was switched." },
      400: problem("This is no WebSocket handshake, or a parameter is wrong."),
      401: problem("The ticket is unknown, used or too old, or nobody is signed in."),
      403: problem("The page is of another origin, or whoever asks may not read this console."),
      404: problem("There is no such node, or it has no console."),
      421: problem("The Host header names a host that this gateway does not know."),
      429: problem("Too many look on already."),
      503: problem("The console service is not there."),
      504: problem("The console service did not answer in time."),
    },
  },
};

function parametersOf(type: new () => object): object[] {
  return Object.entries(propertiesOf(type)).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema,
  }));
}
