/** Program of the fault tests: an agent's presence and nothing else. Arguments: URL, agent. */
import { Session } from "../session.js";
import { agentPresence } from "./samples.js";

const [url = "", agent = ""] = process.argv.slice(2);
const session = new Session({ url, clientId: agent, presence: agentPresence(agent) });
session.onBorn(({ epoch }) => {
  process.stdout.write(`${JSON.stringify({ ready: true, epoch })}\n`);
});
session.start();
