import { defineConfig } from "vitest/config";

const compiled = (ending: string): string[] => [
  `{libs,services,hardware,apps}/*/dist/**/*.${ending}.js`,
  `{broker,dashboards,e2e}/dist/**/*.${ending}.js`,
];

/**
 * In CI a test with real processes has up to two further tries, because a machine that others share can stand still for
 * seconds; the report names each that needed one. Unit tests have none.
 */
const retry = process.env["CI"] ? 2 : 0;

/**
 * Tests run as compiled by the one build, so that workers and child processes are the files that ship.
 * `unit`: no sockets, virtual time. `integration`: real processes and peers. `e2e`: the whole system.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: compiled("test"),
          exclude: [
            ...compiled("it.test"),
            ...compiled("e2e.test"),
            ...compiled("ha.test"),
            "**/node_modules/**",
          ],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "integration",
          // One guest with devices for all; it starts when the first test asks for it.
          globalSetup: ["./hardware/drivers/dist/testing/device-guest-setup.js"],
          retry,
          include: compiled("it.test"),
          exclude: ["**/node_modules/**"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: "e2e",
          retry,
          include: compiled("e2e.test"),
          exclude: ["**/node_modules/**"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // Behind all others: two whole systems are load enough for a machine with two cores.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "home-assistant",
          include: compiled("ha.test"),
          exclude: ["**/node_modules/**"],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
    maxWorkers: 2,
  },
});
