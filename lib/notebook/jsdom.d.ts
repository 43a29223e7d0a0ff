/** The part of jsdom that plotly-dom.ts uses; the package brings no types of its own. */
declare module "jsdom" {
  /** A node of the document: what measuring text needs to know of it. */
  export interface DomNode {
    readonly nodeType: number;
    readonly nodeName: string;
    readonly textContent: string | null;
    readonly childNodes: Iterable<DomNode>;
    readonly parentElement: DomElement | null;
  }

  export interface DomElement extends DomNode {
    readonly children: Iterable<DomElement>;
    getAttribute(name: string): string | null;
    querySelectorAll(selector: string): Iterable<DomElement>;
  }

  export interface DomCanvas {
    readonly width: number;
    readonly height: number;
    getContext(kind: string): object | null;
    toDataURL(): string;
  }

  export interface DomWindow {
    eval(script: string): unknown;
    TextDecoder: unknown;
    TextEncoder: unknown;
    readonly URL: { createObjectURL(): string; revokeObjectURL(): void };
    readonly HTMLCanvasElement: { readonly prototype: DomCanvas };
    readonly SVGElement: { readonly prototype: Record<string, unknown> };
    readonly Plotly: { readonly version: string };
    readonly drawFigure: (json: string, width: number, height: number) => Promise<string>;
    close(): void;
  }

  export class JSDOM {
    constructor(html: string, options: { runScripts: "outside-only"; pretendToBeVisual: boolean });
    readonly window: DomWindow;
  }
}
