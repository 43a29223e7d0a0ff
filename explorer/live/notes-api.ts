/** Notes beside a page that is served: read and written as `notes.json` in its folder. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../lib/io";
import { type Notes, readNotes } from "../format/page-format";
import { type Api, Refusal } from "./server";

/** Bytes of all notes at most. */
const LARGEST = 16 * 2 ** 20;

/** Answers `GET api/notes` and `POST api/notes` for the page in `folder`. */
export function notesApi(folder: string, { title, features }: { title: string; features: number }): Api {
  const path = join(folder, "notes.json");
  const empty: Notes = { format: "vitrine-notes", version: 1, title, features: {} };
  const routes: Record<string, Api> = {
    "GET notes": async () => {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
      return text === undefined ? empty : readNotes(JSON.parse(text), features);
    },
    "POST notes": async ({ body }) => {
      const text = (await body(LARGEST)).toString("utf8");
      let notes: Notes;
      try {
        notes = readNotes(JSON.parse(text), features);
      } catch (error) {
        const { message } = error as Error;
        throw new Refusal(
          400,
          message.startsWith("notes: ") ? message : "notes: expected JSON, got other text",
        );
      }
      await writeFileAtomic(path, `${JSON.stringify(notes, null, 2)}\n`);
      return { saved: Object.keys(notes.features).length };
    },
  };
  return (request) => {
    const route = `${request.method} ${request.path}`;
    return Object.hasOwn(routes, route) ? routes[route](request) : undefined;
  };
}
