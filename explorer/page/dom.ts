/** Elements. Text only ever enters as text nodes and attributes, so that a hostile label stays text. */

type Child = Node | string | undefined;
type Properties = Record<string, string | number | boolean | ((event: Event) => void) | undefined>;

/** `<tag>` with attributes (`onclick` and the like are listeners, false and undefined are left out) and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false)
      made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** The element of index.html with that id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`internal: index.html has no #${id}`);
  return found;
}

/** A number as the page writes it: three significant digits, a dash where it is not defined. */
export function number(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1).replace("-", "−");
  return value.toPrecision(3).replace("-", "−");
}

/** `draw` in the next frame, once however often it is asked for until then. */
export function oncePerFrame(draw: () => void): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

/** When the next frame is on the screen. */
export function nextFrame(): Promise<void> {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}
