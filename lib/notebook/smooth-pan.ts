/**
 * The page's side of dragging a figure with very many points. Plotly draws them anew by WebGL at each movement of the mouse, which takes a tenth of a second
 * and more where WebGL runs on the processor. Where one drawing takes longer than a frame, what is drawn moves with the axes instead, as a picture, and is
 * drawn anew when the mouse rests or is let go. Plain script, no library.
 */
import { type PlotlyFigure, unpackNumbers } from "../plot";

/** From this many WebGL points on a figure brings the script. */
const MANY = 10_000;

/** The script element for pages that show `figure`; undefined for one that Plotly moves fast enough by itself. */
export function smoothPanScript({ data }: PlotlyFigure): string | undefined {
  let points = 0;
  for (const trace of data) if (trace.type === "scattergl") points += unpackNumbers(trace.x).length;
  return points < MANY ? undefined : `<script>(${smoothPan})();</script>`;
}

/** Runs in the page, so it may use nothing of this file; once a page is enough for all its figures. */
const smoothPan = `() => {
  if (window.vitrineSmoothPan) return;
  window.vitrineSmoothPan = true;
  const FRAME = 16; // ms
  const REST = 150; // ms without a movement
  let end;
  const rangeOf = ({ xaxis, yaxis }) => [xaxis.range[0], yaxis.range[0], xaxis.range[1], yaxis.range[1]].map((value, i) => (i % 2 ? yaxis : xaxis).r2l(value));
  const begin = (plot) => {
    const layout = plot._fullLayout;
    const subplots = Object.values(layout._plots || {}).filter(({ _scene: scene }) => scene && scene.update && scene.draw);
    const canvases = [...plot.querySelectorAll(".gl-container canvas")];
    const contexts = canvases.map(({ __data__: held }) => held && held.regl).filter(Boolean);
    const drawn = plot.querySelector(".gl-canvas-context");
    if (subplots.length === 0 || contexts.length === 0 || !drawn) return;
    const own = contexts.map((regl) => ({ regl, clear: regl.clear }));
    const scenes = subplots.map((subplot) => ({ subplot, scene: subplot._scene, update: subplot._scene.update, draw: subplot._scene.draw }));
    let moving = false;
    let timer;
    const still = () => {
      moving = true;
      const ratio = drawn.width / layout.width;
      for (const one of scenes) {
        const { xaxis, yaxis } = one.subplot;
        const [width, height] = [xaxis._length, yaxis._length];
        const picture = document.createElement("canvas");
        [picture.width, picture.height] = [width * ratio, height * ratio];
        picture.getContext("2d").drawImage(drawn, xaxis._offset * ratio, yaxis._offset * ratio, width * ratio, height * ratio, 0, 0, picture.width, picture.height);
        picture.style.cssText = "position:absolute;left:0;top:0;transform-origin:0 0;will-change:transform;width:" + width + "px;height:" + height + "px";
        one.window = document.createElement("div");
        one.window.className = "vitrine-moved";
        one.window.style.cssText = "position:absolute;overflow:hidden;pointer-events:none;left:" + xaxis._offset + "px;top:" + yaxis._offset + "px;width:" + width + "px;height:" + height + "px";
        one.window.append(picture);
        Object.assign(one, { picture, base: rangeOf(one.subplot), width, height });
        plot.querySelector(".gl-container").append(one.window);
      }
      for (const canvas of canvases) canvas.style.visibility = "hidden";
    };
    const live = () => {
      moving = false;
      clearTimeout(timer);
      for (const canvas of canvases) canvas.style.visibility = "";
      for (const { window: shown } of scenes) if (shown) shown.remove();
    };
    const move = (one, [x0, y0, x1, y1]) => {
      const { base: [u0, v0, u1, v1], width, height } = one;
      const [across, along] = [(u1 - u0) / (x1 - x0), (v1 - v0) / (y1 - y0)];
      one.picture.style.transform = "matrix(" + [across, 0, 0, along, ((u0 - x0) / (x1 - x0)) * width, ((y1 - v1) / (y1 - y0)) * height] + ")";
    };
    const redraw = () => {
      for (const { regl, clear } of own) clear.call(regl, { color: true, depth: true });
      for (const { scene, subplot, update, draw } of scenes) {
        update.call(scene, { range: rangeOf(subplot) });
        draw.call(scene);
      }
    };
    const rest = () => {
      live();
      redraw();
      still();
    };
    for (const one of own) one.regl.clear = (what) => moving || one.clear.call(one.regl, what);
    for (const one of scenes) {
      one.scene.update = (options) => {
        if (!moving) return one.update.call(one.scene, options);
        move(one, options.range);
        clearTimeout(timer);
        timer = setTimeout(rest, REST);
      };
      one.scene.draw = () => {
        if (moving) return;
        const since = performance.now();
        one.draw.call(one.scene);
        // Reading a pixel waits for the drawing.
        for (const { regl } of own) regl._gl.readPixels(0, 0, 1, 1, regl._gl.RGBA, regl._gl.UNSIGNED_BYTE, new Uint8Array(4));
        if (performance.now() - since > FRAME) still();
      };
    }
    end = () => {
      end = undefined;
      clearTimeout(timer);
      const moved = moving;
      moving = false;
      for (const { regl, clear } of own) regl.clear = clear;
      for (const { scene, update, draw } of scenes) Object.assign(scene, { update, draw });
      // Plotly draws anew in its own handler of this event; until then the picture stays.
      if (moved) requestAnimationFrame(live);
    };
  };
  const down = (event) => {
    if (end) end();
    const plot = event.target.closest && event.target.closest(".draglayer") && event.target.closest(".js-plotly-plot");
    if (plot && plot._fullLayout) begin(plot);
  };
  const up = () => end && end();
  for (const type of ["mousedown", "touchstart"]) document.addEventListener(type, down, true);
  for (const type of ["mouseup", "touchend", "touchcancel"]) window.addEventListener(type, up, true);
}`;
