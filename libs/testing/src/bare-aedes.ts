/** Program: Aedes without identities, limits or ACL, for tests that need a broker and nothing else. Argument: the port. */
import { createServer, type AddressInfo } from "node:net";
import { Aedes } from "aedes";

const broker = await Aedes.createBroker({ concurrency: 1000, drainTimeout: 5000 });
const server = createServer({ noDelay: true }, broker.handle);
server.listen(Number(process.argv[2]), "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`);
});
