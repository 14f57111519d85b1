/**
 * Who may import whom: the table of ARCHITECTURE.md as law. A folder that is not named here may not be imported at all.
 * Tests may also use libs/testing and start simulators.
 */
const TEST = "(\\.test\\.ts$|/testing/|^e2e/|^libs/testing/|\\.bench\\.ts$)";

/** folder → folders of ours that its sources may import */
const MAY_IMPORT = {
  "libs/contracts": [],
  "libs/messaging": ["libs/contracts"],
  "libs/storage": ["libs/contracts"],
  "libs/audit": ["libs/contracts", "libs/storage"],
  "libs/identity": ["libs/contracts", "libs/storage"],
  "libs/console-link": ["libs/contracts"],
  "libs/telnet": [],
  "libs/service-kit": ["libs/contracts", "libs/messaging", "libs/storage"],
  "libs/testing": ["libs/contracts"],
  broker: ["libs/contracts", "libs/identity", "libs/storage"],
  "services/inventory": [
    "libs/contracts",
    "libs/messaging",
    "libs/storage",
    "libs/service-kit",
    "libs/audit",
  ],
  "services/power": [
    "libs/contracts",
    "libs/messaging",
    "libs/storage",
    "libs/service-kit",
    "libs/audit",
  ],
  "services/console": [
    "libs/contracts",
    "libs/messaging",
    "libs/storage",
    "libs/service-kit",
    "libs/identity",
    "libs/audit",
    "libs/console-link",
    "libs/telnet",
  ],
  "services/telemetry": [
    "libs/contracts",
    "libs/messaging",
    "libs/storage",
    "libs/service-kit",
    "libs/audit",
  ],
  "services/gateway": [
    "libs/contracts",
    "libs/messaging",
    "libs/storage",
    "libs/service-kit",
    "libs/identity",
    "libs/audit",
  ],
  "services/home-assistant": ["libs/contracts", "libs/messaging", "libs/service-kit"],
  "hardware/ports": ["libs/contracts"],
  // Telnet is codecs without a connection, the same for both ends; a transport is one of the ends.
  "hardware/transports": ["hardware/ports", "libs/telnet"],
  "hardware/drivers": ["hardware/ports", "hardware/transports", "libs/contracts"],
  "hardware/agent": [
    "hardware/ports",
    "hardware/drivers",
    "libs/console-link",
    "libs/contracts",
    "libs/messaging",
    "libs/storage",
    "libs/audit",
  ],
  "hardware/simulators": [],
  dashboards: ["libs/contracts"],
  "apps/backup": ["libs/storage"],
  "apps/cli": ["libs/contracts", "libs/messaging", "libs/audit"],
};
const OURS = "^(libs|services|hardware|apps|broker|dashboards|e2e)/";
const FOR_TESTS = [
  "libs/testing",
  "hardware/simulators",
  "libs/messaging",
  "libs/contracts",
  "libs/storage",
  "broker",
];

const folderRules = Object.entries(MAY_IMPORT).flatMap(([folder, allowed]) => [
  {
    name: `${folder} imports only what the table allows`,
    severity: "error",
    from: { path: `^${folder}/src/`, pathNot: TEST },
    to: { path: OURS, pathNot: [folder, ...allowed].map((one) => `^${one}/`) },
  },
  {
    name: `tests of ${folder} add only testing and simulators`,
    severity: "error",
    from: { path: `^${folder}/src/.*${TEST}` },
    to: { path: OURS, pathNot: [folder, ...allowed, ...FOR_TESTS].map((one) => `^${one}/`) },
  },
]);

export default {
  forbidden: [
    ...folderRules,
    {
      name: "only messaging speaks MQTT, and drivers to the brokers of plugs",
      severity: "error",
      from: {
        pathNot: [
          "^libs/messaging/",
          "^hardware/transports/src/mqtt\\.ts$",
          "^hardware/simulators/src/plug-",
          TEST,
        ],
      },
      to: { path: "node_modules/mqtt/" },
    },
    {
      name: "only service-kit and services know NestJS",
      severity: "error",
      from: { pathNot: ["^libs/service-kit/", "^services/", TEST] },
      to: { path: "node_modules/@nestjs/" },
    },
    {
      name: "a driver never imports a driver",
      severity: "error",
      from: { path: "^hardware/drivers/src/([^/]+)/([^/]+)\\.ts$", pathNot: TEST },
      to: {
        path: "^hardware/drivers/src/[^/]+/[^/]+\\.ts$",
        pathNot: "^hardware/drivers/src/(testing)/",
      },
    },
    {
      name: "no cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "everything resolves", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "what is imported is declared in the package's own package.json",
      severity: "error",
      from: { pathNot: TEST },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "what tests import is declared too, but for the workspace's own test tools",
      severity: "error",
      from: { path: TEST },
      to: {
        dependencyTypes: ["npm-no-pkg", "npm-unknown"],
        pathNot: "node_modules/(vitest|fast-check)/",
      },
    },
    {
      name: "sources do not import test files",
      severity: "error",
      from: { pathNot: TEST },
      to: { path: "\\.test\\.ts$" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules|/dist/" },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
    },
    tsConfig: { fileName: "tsconfig.base.json" },
  },
};
