/** A button. */

import type { CommMessage, Json } from "./comms";
import { buttonColours } from "./controls";
import type { Kind } from "./model";
import { buttonStyle } from "./styles";
import { Subscription, throwAll } from "./subscription";
import { child, flag, text, type Values } from "./traits";
import { type Options, seen, Widget } from "./widget";

const traits = {
  ...seen,
  style: child(buttonStyle),
  description: text(),
  disabled: flag(false),
  buttonStyle: buttonColours,
  icon: text(),
};
const kind: Kind<typeof traits> = { name: "Button", traits };

class ButtonWidget extends Widget<typeof traits> {
  readonly #handlers = new Set<Subscription>();

  /** Calls the handler at each click; clicks while an asynchronous handler is busy lead to one more call. */
  onClick(handler: (signal?: AbortSignal) => unknown): () => void {
    const subscription = new Subscription((_value, _former, signal) => handler(signal));
    this.#handlers.add(subscription);
    return () => this.#handlers.delete(subscription);
  }

  /** What a click does. */
  click(signal?: AbortSignal): unknown {
    const failures: unknown[] = [];
    const pending: Promise<unknown>[] = [];
    for (const handler of [...this.#handlers]) {
      try {
        const result = handler.notify({ value: undefined, former: undefined, signal });
        if (result instanceof Promise) pending.push(result);
      } catch (error) {
        failures.push(error);
      }
    }
    throwAll(failures);
    return pending.length === 0 ? undefined : Promise.all(pending);
  }

  protected override receiveCustom({ event }: Json, { signal }: CommMessage): unknown {
    return event === "click" ? this.click(signal) : undefined;
  }
}

export type Button = ButtonWidget & Omit<Values<typeof traits>, "layout" | "style">;

export function button(options?: Options<typeof traits>): Button {
  return new ButtonWidget(kind, options) as unknown as Button;
}
