import { describeDrivers } from "./describe-drivers.js";

/** `catalogue-child.js [root]`: tells its parent what the drivers are, and ends with all that it has loaded. */

const [, , root] = process.argv;
const descriptions = await describeDrivers(root === undefined ? undefined : new URL(root));
process.send?.(descriptions, () => process.disconnect());
