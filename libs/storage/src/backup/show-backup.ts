import { list } from "tar";
import { MANIFEST, readManifest, type Manifest } from "./manifest.js";

/** What an archive says of itself; its contents are not looked at. @throws BackupError when it is none */
export async function showBackup(file: string): Promise<Manifest> {
  const chunks: Buffer[] = [];
  await list({
    file,
    onReadEntry: (entry) => {
      if (entry.path === MANIFEST) entry.on("data", (chunk: Buffer) => chunks.push(chunk));
      else entry.resume();
    },
  });
  return readManifest(Buffer.concat(chunks).toString("utf8"));
}
