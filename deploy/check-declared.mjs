// Every package of ours that a workspace imports is declared in its package.json and referenced in its tsconfig.json.
// npm hoists all workspaces, so that an undeclared import would work here and fail elsewhere.
// And every command is a file that is there before the build, or npm would not link it.
import { accessSync, constants, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const folders = globSync(
  workspaces.map((one) => `${one}/package.json`),
  { cwd: root },
).map(dirname);
const folderOf = new Map(
  folders.map((folder) => [
    JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")).name,
    folder,
  ]),
);
const problems = [];
for (const folder of folders) {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const declared = {
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.peerDependencies,
  };
  const project = JSON.parse(readFileSync(join(root, folder, "tsconfig.json"), "utf8"));
  const referenced = new Set((project.references ?? []).map(({ path }) => join(folder, path)));
  const imported = new Set();
  // Programs that are started are needed as much, but may be built later.
  const started = new Set();
  for (const file of globSync("src/**/*.ts", { cwd: join(root, folder) })) {
    const text = readFileSync(join(root, folder, file), "utf8");
    for (const [, name] of text.matchAll(/(?:from|import\()\s*["'](@outrider\/[a-z-]+)\//g))
      imported.add(name);
    for (const [, name] of text.matchAll(/import\.meta\.resolve\(\s*["'](@outrider\/[a-z-]+)\//g))
      started.add(name);
  }
  for (const name of started) {
    if (name !== manifest.name && !(name in declared))
      problems.push(`${folder}/package.json: ${name} is started but not declared`);
  }
  for (const name of imported) {
    if (name === manifest.name) continue;
    const target = folderOf.get(name);
    if (!target) problems.push(`${folder}: imports ${name}, which is no workspace`);
    else {
      if (!(name in declared))
        problems.push(`${folder}/package.json: ${name} is imported but not declared`);
      if (!referenced.has(target)) {
        problems.push(
          `${folder}/tsconfig.json: no reference to ${relative(folder, target)}, which is imported`,
        );
      }
    }
  }
  for (const [command, file] of Object.entries(manifest.bin ?? {})) {
    try {
      if (!file.startsWith("./bin/"))
        throw new Error("expected a file of ./bin, not of what is built");
      accessSync(join(root, folder, file), constants.X_OK);
    } catch (error) {
      problems.push(
        `${folder}/package.json: the command ${command} cannot be linked: ${error.message}`,
      );
    }
  }
  for (const name of Object.keys(declared)) {
    if (folderOf.has(name) && !imported.has(name) && !started.has(name))
      problems.push(`${folder}/package.json: ${name} is declared but not imported`);
  }
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
