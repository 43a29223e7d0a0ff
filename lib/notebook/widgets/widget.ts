/** What is seen in the page: a model with a layout, a style, and a place in a cell's output. */
import { DISPLAY, type Displayable, type MimeBundle } from "../display";
import type { Json } from "./comms";
import { type Kind, Model, type Properties } from "./model";
import { layoutKind } from "./styles";
import type { ChangeHandler, SubscriptionOptions } from "./subscription";
import { child, optional, type Trait, type Traits, text, type Values } from "./traits";

export const WIDGET_MIME = "application/vnd.jupyter.widget-view+json";

export type Layout = Properties<typeof layoutKind.traits>;
export type LayoutOptions = Partial<Values<typeof layoutKind.traits>>;

/** What every widget has. */
export const seen = {
  layout: child(layoutKind),
  tooltip: optional(text()),
};

type Parts = "layout" | "style";
type StyleTraits<T> = T extends { style: Trait<Model<infer S> | null> } ? S : Record<never, never>;

/** A widget with its values as properties. */
export type Control<T extends Traits> = Widget<T> & Omit<Values<T>, Parts>;

/** One that has a `value`. */
export interface Valued<V> {
  value: V;
  /**
   * Calls the handler with each new `value`. While an asynchronous handler is busy changes are gathered, and it is called once
   * more with the last. Call what is returned to end that.
   */
  onChange(handler: ChangeHandler<V>, options?: SubscriptionOptions): () => void;
}

/** What a widget is made from: any of its values; layout and style as plain records. */
export type Options<T extends Traits> = Partial<Omit<Values<T>, Parts>> & {
  layout?: LayoutOptions;
  style?: Partial<Values<StyleTraits<T>>>;
};

const brand = Symbol.for("Vitrine.widget");

export class Widget<T extends Traits = Traits> extends Model<T> implements Displayable {
  readonly [brand] = true;

  constructor(kind: Kind<T>, options: Options<T> = {}) {
    super(kind, options as Partial<Values<T>>);
  }

  /** Its place and size, in CSS's terms: `slider.layout.width = "400px"`. */
  get layout(): Layout {
    return this.#part("layout") as Layout;
  }

  set layout(options: LayoutOptions) {
    this.set({ layout: options } as Partial<Values<T>>);
  }

  /** Colours, font, and the width of its description. */
  get style(): Properties<StyleTraits<T>> {
    return this.#part("style") as Properties<StyleTraits<T>>;
  }

  set style(options: Partial<Values<StyleTraits<T>>>) {
    this.set({ style: options } as unknown as Partial<Values<T>>);
  }

  override dispose(): void {
    for (const part of ["layout", "style"]) (this.get(part) as Model | null | undefined)?.dispose();
    super.dispose();
  }

  [DISPLAY](): MimeBundle | Promise<MimeBundle> {
    const view = { version_major: 2, version_minor: 0, model_id: this.id };
    return { ...(this.isLive && { [WIDGET_MIME]: view }), "text/plain": this.toString() };
  }

  /** As Python's ipywidgets writes it: `IntSlider(value=3, description="k")`. */
  override toString(): string {
    const told = ["value", "description", "options"].filter((name) => name in this);
    const shown = told.map((name) => [name, (this as unknown as Json)[name]] as const);
    const parts = shown.filter(([, value]) => value !== "" && !(value instanceof Uint8Array));
    return `${this.kind.name}(${parts.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ")})`;
  }

  /** A page needs no layout and no style until they say something: they are made when first asked for. */
  #part(name: Parts): Model {
    if (!Object.hasOwn(this.kind.traits, name)) {
      throw new TypeError(`${this.kind.name}: expected a kind of widget with a ${name}, got one without`);
    }
    if (!this.get(name)) this.set({ [name]: {} } as unknown as Partial<Values<T>>);
    return this.get(name) as Model;
  }
}

/** Also of a copy of this module that was loaded before. */
export function isWidget(value: unknown): value is Widget {
  return typeof value === "object" && value !== null && brand in value;
}
