import { parentPort, workerData } from "node:worker_threads";
import { Connection } from "./connection.js";
import { GroupCommit } from "./group-commit.js";
import type { ConnectionOptions, Reply, ReplyOf, Request } from "./protocol.js";
import { tidyLog } from "./reserve.js";
import { failureOf } from "./sqlite-failure.js";

/** The body of a database thread: opens the file named in `workerData`, then answers requests in order. */

const options = workerData as ConnectionOptions;
const port = parentPort;
if (!port) throw new Error("this module is the body of a worker thread");

const reply = (message: Reply): void => port.postMessage(message);

try {
  const connection = new Connection(options);
  const groups = new GroupCommit(connection, options.file);
  port.on("message", (request: Request) => {
    try {
      reply({ value: answer(connection, groups, request) });
    } catch (error) {
      reply({ failure: failureOf(error, options.file) });
    }
    // Here and not in a turn of its own: requests that come fast enough are all handled in this one.
    if (request.kind === "write") tidyLog(connection.db);
    if (request.kind === "close") port.close();
  });
  reply({ value: undefined });
} catch (error) {
  reply({ failure: failureOf(error, options.file) });
}

function answer(
  connection: Connection,
  groups: GroupCommit,
  request: Request,
): ReplyOf[Request["kind"]] {
  if (request.kind === "write") return groups.run(request.group);
  if (request.kind === "read") {
    return request.first ? connection.first(request.statement) : connection.all(request.statement);
  }
  return connection.db.close();
}
