/** Reads the fields of a front end's request, each with its type; all that a message may get wrong is told from here. */
import type { Json, Message } from "../protocol";

/** What a front end asked for is not right: the request is refused with this, and nothing has happened. */
export class RequestError extends TypeError {
  override name = "RequestError";
}

const kinds: Partial<Record<string, string>> = { undefined: "nothing", object: "an object" };

/** The content of one request. A field that is missing or null counts as not given. */
export class RequestFields {
  readonly #type: string;
  readonly #content: Json;

  constructor({ header, content }: Message) {
    this.#type = header.msg_type;
    this.#content = content;
  }

  /** @throws RequestError unless it is given and a text. */
  text(field: string): string {
    return this.optionalText(field) ?? this.#refuse(field, "a text");
  }

  optionalText(field: string): string | undefined {
    const value = this.#given(field);
    return value === undefined || typeof value === "string" ? value : this.#refuse(field, "a text");
  }

  boolean(field: string, otherwise: boolean): boolean {
    const value = this.#given(field) ?? otherwise;
    return typeof value === "boolean" ? value : this.#refuse(field, "true or false");
  }

  optionalInteger(field: string): number | undefined {
    const value = this.#given(field);
    if (value === undefined || Number.isSafeInteger(value)) return value as number | undefined;
    return this.#refuse(field, "a whole number");
  }

  /** @throws RequestError unless it is one of `values`. */
  oneOf<T extends string>(field: string, values: readonly T[]): T {
    const value = this.#given(field) as T;
    return values.includes(value) ? value : this.#refuse(field, values.join(", "));
  }

  /** Any JSON object; empty if not given. */
  record(field: string): Json {
    const value = this.#given(field) ?? {};
    return typeof value === "object" && !Array.isArray(value)
      ? (value as Json)
      : this.#refuse(field, "an object");
  }

  /** A record of texts; empty if not given. */
  texts(field: string): Record<string, string> {
    const value = this.#given(field) ?? {};
    const isRecord = typeof value === "object" && !Array.isArray(value);
    if (!isRecord || Object.values(value).some((inner) => typeof inner !== "string")) {
      return this.#refuse(field, "a record of texts");
    }
    return value as Record<string, string>;
  }

  #given(field: string): unknown {
    return Object.hasOwn(this.#content, field) ? (this.#content[field] ?? undefined) : undefined;
  }

  #refuse(field: string, expected: string): never {
    const value = this.#given(field);
    const got = Array.isArray(value) ? "an array" : (kinds[typeof value] ?? `a ${typeof value}`);
    throw new RequestError(`session: expected ${expected} in ${field} of ${this.#type}, got ${got}`);
  }
}
