/** All widgets that are alive, for a page that is opened anew: it asks for their states over the control comm. */
import type { BufferPath } from "./buffers";
import { type Comm, type CommMessage, commHook, type Json } from "./comms";
import type { Model } from "./model";

const CONTROL_TARGET = "jupyter.widget.control";

/** On `globalThis`, so that a module that is loaded anew knows the widgets of the former one. */
const WIDGETS = Symbol.for("Vitrine.widgets");
const scope: typeof globalThis & { [WIDGETS]?: Map<string, AnyModel> } = globalThis;
type AnyModel = Pick<Model, "id" | "packedState">;

function alive(): Map<string, AnyModel> {
  if (!scope[WIDGETS]) {
    scope[WIDGETS] = new Map();
    commHook()?.register(CONTROL_TARGET, (comm) => {
      comm.onMessage((message) => answer(comm, message));
    });
  }
  return scope[WIDGETS];
}

export function remember(widget: AnyModel): void {
  alive().set(widget.id, widget);
}

export function forget(widget: AnyModel): void {
  alive().delete(widget.id);
}

/** How many there are. */
export function liveWidgets(): number {
  return alive().size;
}

function answer(comm: Comm, message: CommMessage): void {
  if (message.data.method !== "request_states") {
    throw new TypeError(`widgets: expected request_states, got ${message.data.method}`);
  }
  const states: Json = {};
  const bufferPaths: BufferPath[] = [];
  const buffers: Uint8Array[] = [];
  for (const widget of alive().values()) {
    const packed = widget.packedState();
    const { _model_name, _model_module, _model_module_version } = packed.state;
    states[widget.id] = {
      model_name: _model_name,
      model_module: _model_module,
      model_module_version: _model_module_version,
      state: packed.state,
    };
    bufferPaths.push(...packed.bufferPaths.map((path) => [widget.id, "state", ...path]));
    buffers.push(...packed.buffers);
  }
  const data = { method: "update_states", states, buffer_paths: bufferPaths };
  comm.send(data, { buffers, answering: message });
}
