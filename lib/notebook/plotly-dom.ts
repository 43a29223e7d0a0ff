/** Plotly in jsdom: a figure to SVG text without a browser. Runs in the process of picture-process.ts. */
import { readFileSync } from "node:fs";
import { type DomCanvas, type DomElement, type DomNode, type DomWindow, JSDOM } from "jsdom";
import type { PlotlyFigure } from "../plot";
import { type AdvanceOf, measureText, readAdvances } from "./font-metrics";
import { parseColour, Raster } from "./raster";

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const EMPTY: Box = { x: 0, y: 0, width: 0, height: 0 };
/** Height of a line of text and its part above the baseline, in font sizes (Inter: ascent 0.97, descent 0.24). */
const LINE_HEIGHT = 1.21;
const ASCENT = 0.97;

/** A started Plotly: draws one figure after another. */
export interface PlotlyDom {
  version: string;
  /** SVG text of a figure, `width` x `height` pixels. */
  toSvg(figure: PlotlyFigure, width: number, height: number): Promise<string>;
}

/** Starts jsdom with Plotly (about 0.7 s). */
export function startPlotly(): PlotlyDom {
  const { window } = new JSDOM("<!DOCTYPE html><body></body>", {
    runScripts: "outside-only",
    pretendToBeVisual: true,
  });
  addMissing(window);
  window.eval(readFileSync(require.resolve("plotly.js-dist"), "utf8"));
  // The figure goes in as text: objects and arrays must be those of jsdom's own world for Plotly to know them.
  window.eval(`globalThis.drawFigure = (json, width, height) =>
    Plotly.toImage(JSON.parse(json), { format: "svg", width, height, imageDataOnly: true });`);
  return {
    version: window.Plotly.version,
    toSvg: (figure, width, height) => window.drawFigure(JSON.stringify(figure), width, height),
  };
}

/** What Plotly asks of a browser and jsdom does not have: object URLs, text coders, a canvas, and the measures of text. */
function addMissing(window: DomWindow): void {
  window.TextDecoder = TextDecoder;
  window.TextEncoder = TextEncoder;
  window.URL.createObjectURL = () => "blob:none";
  window.URL.revokeObjectURL = () => {};
  addCanvas(window.HTMLCanvasElement.prototype);
  const font = (name: string) => readAdvances(require.resolve(`@expo-google-fonts/inter/${name}.ttf`));
  const fonts: Fonts = {
    regular: font("400Regular/Inter_400Regular"),
    bold: font("600SemiBold/Inter_600SemiBold"),
  };
  const svg = window.SVGElement.prototype;
  svg.getBBox = function getBBox(this: DomElement) {
    return boxOf(this, fonts);
  };
  svg.getComputedTextLength = function getComputedTextLength(this: DomElement) {
    return boxOf(this, fonts).width;
  };
  svg.getBoundingClientRect = function getBoundingClientRect(this: DomElement) {
    let box = boxOf(this, fonts);
    for (let e: DomElement | null = this; e; e = e.parentElement) box = transformed(box, e);
    const { x, y, width, height } = box;
    return { x, y, width, height, left: x, top: y, right: x + width, bottom: y + height };
  };
}

/** As much of a canvas as Plotly's heat maps use: filled rectangles, then a PNG. Others (WebGL) are refused. */
function addCanvas(canvas: DomCanvas): void {
  const rasters = new WeakMap<DomCanvas, Raster>();
  canvas.getContext = function getContext(this: DomCanvas, kind: string) {
    if (kind !== "2d") return null;
    const raster = new Raster(this.width, this.height);
    rasters.set(this, raster);
    const context = {
      fillStyle: "#000",
      fillRect(x: number, y: number, width: number, height: number) {
        raster.fillRect(x, y, width, height, parseColour(context.fillStyle));
      },
    };
    return context;
  };
  canvas.toDataURL = function toDataURL(this: DomCanvas) {
    return (rasters.get(this) ?? new Raster(1, 1)).toDataUrl();
  };
}

interface Fonts {
  regular: AdvanceOf;
  bold: AdvanceOf;
}

/** Bounding box of an SVG element in its own coordinates, as far as Plotly's layout needs it. */
function boxOf(element: DomElement, fonts: Fonts): Box {
  const name = element.nodeName.toLowerCase();
  if (name === "text" || name === "tspan") return textBox(element, fonts);
  if (name === "rect" || name === "image")
    return {
      x: numberOf(element, "x"),
      y: numberOf(element, "y"),
      width: numberOf(element, "width"),
      height: numberOf(element, "height"),
    };
  if (name === "path") return pathBox(element.getAttribute("d") ?? "");
  let union: Box = EMPTY;
  for (const child of Array.from(element.children)) {
    const box = boxOf(child, fonts);
    if (box.width > 0 || box.height > 0) union = unite(union, transformed(box, child));
  }
  return union;
}

function unite(a: Box, b: Box): Box {
  if (a.width === 0 && a.height === 0) return b;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  const right = Math.max(a.x + a.width, b.x + b.width);
  return { x, y, width: right - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}

function numberOf(element: DomElement, attribute: string): number {
  return Number.parseFloat(element.getAttribute(attribute) ?? "0") || 0;
}

/** A box of an element's own coordinates in those of its parent: its `transform`, the last step first. */
function transformed(box: Box, element: DomElement): Box {
  const steps: string[] =
    (element.getAttribute("transform") ?? "").match(/(translate|rotate|scale)\([^)]*\)/g) ?? [];
  let result = box;
  for (const step of steps.reverse()) {
    const [a = 0, b, c = 0] = (step.match(/-?[\d.]+(?:e-?\d+)?/g) ?? []).map(Number);
    const { x, y, width, height } = result;
    if (step.startsWith("translate")) result = { width, height, x: x + a, y: y + (b ?? 0) };
    else if (step.startsWith("rotate")) result = rotated(result, a, b ?? 0, c);
    else result = { x: x * a, y: y * (b ?? a), width: width * a, height: height * (b ?? a) };
  }
  return result;
}

/** The upright box around a box that is turned by `degrees` about (cx, cy). */
function rotated(box: Box, degrees: number, cx: number, cy: number): Box {
  if (degrees === 0) return box;
  const cos = Math.cos((degrees * Math.PI) / 180);
  const sin = Math.sin((degrees * Math.PI) / 180);
  const corners = [0, 1, 2, 3].map((i) => {
    const dx = box.x + (i & 1) * box.width - cx;
    const dy = box.y + (i >> 1) * box.height - cy;
    return [cx + dx * cos - dy * sin, cy + dx * sin + dy * cos];
  });
  const xs = corners.map((corner) => corner[0]);
  const ys = corners.map((corner) => corner[1]);
  const x = Math.min(...xs);
  const y = Math.min(...ys);
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** Box of a path made of absolute commands with coordinate pairs, which is what Plotly's frames and lines are. */
function pathBox(d: string): Box {
  if (/[a-df-z]/.test(d) || /[HVA]/.test(d)) return EMPTY;
  const numbers = (d.match(/-?\d+(\.\d+)?(e-?\d+)?/g) ?? []).map(Number);
  const xs = numbers.filter((_, i) => i % 2 === 0);
  const ys = numbers.filter((_, i) => i % 2 === 1);
  if (ys.length === 0) return EMPTY;
  const x = Math.min(...xs);
  const y = Math.min(...ys);
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** A CSS property or attribute of an element or its nearest ancestor that has it. */
function inherited(element: DomElement | null, property: string): string | undefined {
  for (let e = element; e; e = e.parentElement) {
    const style = e.getAttribute("style");
    const match = style && new RegExp(`(?:^|;)\\s*${property}\\s*:\\s*([^;]+)`).exec(style);
    const value = match ? match[1].trim() : e.getAttribute(property);
    if (value) return value;
  }
  return undefined;
}

function textBox(element: DomElement, fonts: Fonts): Box {
  const lines = Array.from(element.querySelectorAll("tspan.line"));
  const widths = (lines.length > 0 ? lines : [element]).map((line) => runWidth(line, fonts));
  const width = Math.max(...widths);
  const size = fontSizeOf(element);
  const anchor = inherited(element, "text-anchor");
  const x = numberOf(element, "x") - (anchor === "middle" ? width / 2 : anchor === "end" ? width : 0);
  if (width === 0) return EMPTY;
  return {
    x,
    y: numberOf(element, "y") - ASCENT * size,
    width,
    height: size * (LINE_HEIGHT + 1.3 * (widths.length - 1)),
  };
}

function fontSizeOf(element: DomElement | null): number {
  const value = inherited(element, "font-size") ?? "12";
  const size = Number.parseFloat(value);
  if (value.endsWith("%") || value.endsWith("em")) {
    const parent = element?.parentElement ?? null;
    return (fontSizeOf(parent?.parentElement ?? parent) * size) / (value.endsWith("%") ? 100 : 1);
  }
  return size;
}

/** Width of the text of an element, each run in the size and weight of its own element. */
function runWidth(element: DomElement, fonts: Fonts): number {
  let width = 0;
  for (const node of Array.from(element.childNodes)) {
    if (isElement(node)) width += runWidth(node, fonts);
    else if (node.nodeType === 3) {
      const weight = inherited(element, "font-weight");
      const bold = weight === "bold" || Number(weight) >= 600;
      // Plotly writes zero-width spaces around sub- and superscripts.
      const text = (node.textContent ?? "").replace(/\u200b/g, "");
      width += measureText(text, fontSizeOf(element), bold ? fonts.bold : fonts.regular);
    }
  }
  return width;
}

function isElement(node: DomNode): node is DomElement {
  return node.nodeType === 1;
}
