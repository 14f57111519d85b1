// npm run bench: measures and writes docs/performance.md. `npm run bench -- quick` for a first look.
import { installPeers } from "./peers.mjs";
import { build, environment, installPackages, must, node24 } from "./prepare.mjs";

/** What Outrider is measured beside, by Debian package. */
const PEERS = {
  mosquitto: "/usr/sbin/mosquitto",
  "mosquitto-clients": "/usr/bin/mosquitto_pub",
  powerman: "/usr/sbin/powermand",
  pdudaemon: "/usr/sbin/pdudaemon",
  curl: "/usr/bin/curl",
  "conserver-server": "/usr/sbin/conserver",
  ser2net: "/usr/sbin/ser2net",
  influxdb: "/usr/bin/influxd",
  "victoria-metrics": "/usr/bin/victoria-metrics",
};

installPackages();
const node = node24();
const env = environment(node);
const message = installPeers(PEERS, "Outrider is measured beside", env);
if (message) console.error(`\noutrider: ${message}\noutrider: it is left out.\n`);
build();
must(node, ["e2e/dist/bench/main.js", ...process.argv.slice(2)], { env });
