/** Fields for a feature's own description and note, and buttons that export and import all of them. */
import { NOTE_LIMITS } from "../format/page-format";
import { element } from "./dom";
import type { NoteStore } from "./notes";

export interface NoteEditor {
  fields: HTMLElement;
  /** Shows what is known now, unless the person is writing, and a problem, if there is one. */
  refresh(problem?: string): void;
}

export function noteEditor(notes: NoteStore, feature: number, automatic: string): NoteEditor {
  const { description = "", note = "" } = notes.of(feature);
  const told = element("p", { class: "told", role: "status" });
  const keep = () => notes.set(feature, { description: field.value, note: area.value });
  const field: HTMLInputElement = element("input", {
    type: "text",
    id: "own-description",
    maxlength: NOTE_LIMITS.description,
    placeholder: automatic,
    value: description,
    oninput: keep,
  });
  const area: HTMLTextAreaElement = element("textarea", {
    id: "own-note",
    rows: 3,
    maxlength: NOTE_LIMITS.note,
    oninput: keep,
  });
  area.value = note;
  const file: HTMLInputElement = element("input", {
    type: "file",
    accept: ".json,application/json",
    hidden: true,
    "aria-label": "Notes to import",
    async onchange() {
      const chosen = file.files?.[0];
      file.value = "";
      if (!chosen) return;
      try {
        const count = notes.add(JSON.parse(await chosen.text()));
        told.textContent = `Notes on ${count} features imported.`;
      } catch (error) {
        told.textContent =
          error instanceof SyntaxError ? `${chosen.name} is no JSON.` : (error as Error).message;
      }
    },
  });
  const exportNotes = () => {
    const text = `${JSON.stringify(notes.all(), null, 2)}\n`;
    const link = element("a", {
      href: URL.createObjectURL(new Blob([text], { type: "application/json" })),
      download: "notes.json",
    });
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const fields = element(
    "div",
    { class: "notes" },
    element("label", { for: "own-description" }, "Description"),
    field,
    element("label", { for: "own-note" }, "Note"),
    area,
    element(
      "div",
      { class: "line" },
      element("button", { type: "button", onclick: exportNotes }, "Export all notes"),
      element("button", { type: "button", onclick: () => file.click() }, "Import notes"),
      file,
    ),
    told,
  );
  return {
    fields,
    refresh(problem) {
      if (problem) told.textContent = problem;
      if (document.activeElement === field || document.activeElement === area) return;
      const own = notes.of(feature);
      [field.value, area.value] = [own.description ?? "", own.note ?? ""];
    },
  };
}
