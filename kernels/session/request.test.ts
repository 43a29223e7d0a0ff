/** Fields of requests: what is read, what is refused, and in which words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeHeader } from "../protocol";
import { RequestError, RequestFields } from "./request";

const read = (content: Record<string, unknown>) =>
  new RequestFields({
    identities: [],
    header: makeHeader("execute_request", "s"),
    parentHeader: {},
    metadata: {},
    content,
    buffers: [],
  });

test("what is given is read, and null or nothing is the default", () => {
  const fields = read({ code: "1", silent: true, n: 3, expressions: { a: "b" }, nothing: null });
  assert.deepEqual(
    [
      fields.text("code"),
      fields.boolean("silent", false),
      fields.optionalInteger("n"),
      fields.texts("expressions"),
    ],
    ["1", true, 3, { a: "b" }],
  );
  assert.deepEqual(
    [fields.optionalText("nothing"), fields.boolean("nothing", true), fields.texts("nothing")],
    [undefined, true, {}],
  );
});

test("a wrong type is refused with the field, the request and what was there", () => {
  const fields = read({ code: [1], silent: "yes", n: 1.5, expressions: { a: 1 }, kind: "sideways" });
  const told = (message: string) => (error: unknown) =>
    error instanceof RequestError && error.message === message;
  const where = "of execute_request, got";
  assert.throws(() => fields.text("code"), told(`session: expected a text in code ${where} an array`));
  assert.throws(() => fields.text("absent"), told(`session: expected a text in absent ${where} nothing`));
  assert.throws(
    () => fields.boolean("silent", false),
    told(`session: expected true or false in silent ${where} a string`),
  );
  assert.throws(
    () => fields.optionalInteger("n"),
    told(`session: expected a whole number in n ${where} a number`),
  );
  assert.throws(
    () => fields.texts("expressions"),
    told(`session: expected a record of texts in expressions ${where} an object`),
  );
  assert.throws(
    () => fields.oneOf("kind", ["tail", "range"]),
    told(`session: expected tail, range in kind ${where} a string`),
  );
});

test("names of every object are no fields", () => {
  assert.equal(read({}).optionalText("toString"), undefined);
});
