/** Widgets that hold others: rows, columns, grids, and folders of which one is open. */
import type { Kind } from "./model";
import { integer, oneOf, optional, reference, type Trait, texts } from "./traits";
import { type Control, isWidget, type Options, seen, Widget } from "./widget";

/** Any widget, whatever its values. */
export type AnyWidget = Pick<Widget, "id" | "kind" | "dispose" | "isDisposed">;

function widgets(): Trait<readonly AnyWidget[]> {
  return {
    initial: [],
    fixed: true,
    read: (value, where) => {
      if (Array.isArray(value) && value.every(isWidget)) return [...value];
      throw new TypeError(`${where}: expected an array of widgets, got ${String(value)}`);
    },
    write: (value) => value.map(reference),
  };
}

export const boxTraits = {
  ...seen,
  children: widgets(),
  boxStyle: oneOf("", "success", "info", "warning", "danger"),
};
const folding = { ...boxTraits, titles: texts(), selectedIndex: optional(integer(0)) };

function box<T extends typeof boxTraits>(name: string, traits: T) {
  const kind: Kind<T> = { name, traits };
  return (children: readonly AnyWidget[], options?: Omit<Options<T>, "children">): Control<T> =>
    new Widget(kind, { ...options, children } as Options<T>) as unknown as Control<T>;
}

export const hbox = box("HBox", boxTraits);
export const vbox = box("VBox", boxTraits);
/** Placed by its layout's `gridTemplateColumns` and the like. */
export const gridBox = box("GridBox", boxTraits);
/** One under the other, at most one (`selectedIndex`) open. */
export const accordion = box("Accordion", folding);
export const tab = box("Tab", folding);
