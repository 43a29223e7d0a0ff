/** Which files are the kernel itself: neither a person's nor a library's, and so shown in no traceback and stopped at by no debugger. */
import path from "node:path";
import { folderOf } from "./prepared";

/** The kernel's folders in a clone: its sources, and what the set-up made of them. */
export function ownFolders(root: string): string[] {
  return [path.join(root, "kernels"), path.join(folderOf(root), "code")];
}

export function isOwnCode(root: string, fileName: string): boolean {
  return ownFolders(root).some((folder) => fileName.startsWith(folder + path.sep));
}
