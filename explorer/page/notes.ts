/** What a person writes about features: kept in this browser, exported and imported as JSON, and saved beside the page where a server is behind it. */
import { type FeatureNote, type Manifest, type Notes, readNotes } from "../format/page-format";
import { isLive } from "./live";

/** Milliseconds after the last letter before a server is told. */
const REST = 400;

export interface NoteStore {
  of(feature: number): FeatureNote;
  /** Empty texts are forgotten. */
  set(feature: number, note: FeatureNote): void;
  all(): Notes;
  /** Takes notes in beside those that are there; of a feature in both, what comes in wins. Returns how many features they are on. */
  add(notes: unknown): number;
  /** Called after every change, with what went wrong in keeping it, if anything did. */
  onChange(listener: (problem?: string) => void): void;
}

export function noteStore({ title, features }: Pick<Manifest, "title" | "features">): NoteStore {
  const key = `vitrine-notes/${title}/${features}`;
  let notes: Notes = { format: "vitrine-notes", version: 1, title, features: {} };
  const listeners: ((problem?: string) => void)[] = [];
  const tell = (problem?: string) => {
    for (const listener of listeners) listener(problem);
  };
  try {
    const kept = localStorage.getItem(key);
    if (kept) notes = readNotes(JSON.parse(kept), features);
  } catch {
    // A browser that keeps nothing, or something else under the name: notes begin empty.
  }
  let waiting = 0;
  const save = () => {
    let problem: string | undefined;
    try {
      localStorage.setItem(key, JSON.stringify(notes));
    } catch {
      problem = "This browser keeps no notes for the page: export them before closing it.";
    }
    tell(problem);
    if (!isLive) return;
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const answer = await fetch("api/notes", { method: "POST", body: JSON.stringify(notes) }).catch(
        () => undefined,
      );
      if (!answer?.ok) tell("The server did not save the notes: export them before closing the page.");
    }, REST);
  };
  const put = (feature: number, { description = "", note = "" }: FeatureNote) => {
    const kept: FeatureNote = {};
    if (description.trim() !== "") kept.description = description;
    if (note.trim() !== "") kept.note = note;
    if (Object.keys(kept).length > 0) notes.features[feature] = kept;
    else delete notes.features[feature];
  };
  if (isLive) {
    fetch("api/notes").then(
      async (answer) => {
        if (!answer.ok) return;
        const { features: saved } = readNotes(await answer.json(), features);
        // What is in this browser is newer, or another's: it stays.
        notes.features = { ...saved, ...notes.features };
        tell();
      },
      () => tell("The server gave no notes."),
    );
  }
  return {
    of: (feature) => notes.features[feature] ?? {},
    set(feature, note) {
      put(feature, note);
      save();
    },
    all: () => notes,
    add(value) {
      const { features: read } = readNotes(value, features);
      for (const [feature, note] of Object.entries(read)) put(Number(feature), note);
      save();
      return Object.keys(read).length;
    },
    onChange: (listener) => listeners.push(listener),
  };
}
