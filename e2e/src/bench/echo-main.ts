/** Program: answers what comes on one topic on another, as it came. Arguments: port, user name, secret, from, to. */
import { MqttPeer } from "./mqtt-peer.js";

const [port, username = "", password = "", from = "", to = ""] = process.argv.slice(2);
const peer = await MqttPeer.open(Number(port), { username, password }, `${username}-echo`);
await peer.subscribe(from, (_, payload) => peer.send(to, payload.toString()));
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
