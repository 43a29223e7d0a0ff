import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseClipConfig, patchCount } from "./config";

interface Case {
  given: object;
  expected: Record<string, unknown> & { vision_config: object; text_config: object };
}
const cases = JSON.parse(readFileSync(join(__dirname, "fixtures", "configs.json"), "utf8")) as Record<
  string,
  Case
>;

for (const [name, { given, expected }] of Object.entries(cases)) {
  test(`a config is understood as by Hugging Face: ${name}`, () => {
    const got = parseClipConfig(given, "config.json") as unknown as typeof expected;
    const same = (actual: object, wanted: object) => {
      const record = actual as Record<string, unknown>;
      const unlist = (value: unknown) => (Array.isArray(value) ? value[0] : value);
      for (const [field, value] of Object.entries(wanted)) {
        if (typeof value === "object" && !Array.isArray(value))
          same(record[field] as object, value as object);
        else assert.equal(record[field], unlist(value), field);
      }
    };
    same(got, expected);
    assert.ok(!("vision_config_dict" in got), "a config that is saved again says everything once");
  });
}

test("pixels that fill no whole patch are left out of the count", () => {
  const config = parseClipConfig({ vision_config: { image_size: 30, patch_size: 7 } }, "c");
  assert.equal(patchCount(config.vision_config), 16);
});

test("what lib/clip has not is refused by name", () => {
  const refused: [object, RegExp][] = [
    [{ model_type: "siglip" }, /^Error: c: expected model_type clip, got siglip/],
    [
      { vision_config: { hidden_act: "relu" } },
      /vision_config: expected hidden_act quick_gelu or gelu, got relu/,
    ],
    [{ projection_dim: "512" }, /c: expected a number projection_dim, got "512"/],
    [{ vision_config: { num_channels: 4 } }, /expected num_channels 3, got 4/],
    [{ vision_config: { image_size: [224, 192] } }, /expected a number image_size, got \[224,192\]/],
    [{ vision_config: { patch_size: 300 } }, /expected a patch_size of at most 224 pixels, got 300/],
    [
      { text_config: { hidden_size: 100 } },
      /text_config: expected hidden_size a multiple of 8 heads, got 100/,
    ],
    [[], /c: expected an object, got \[\]/],
  ];
  for (const [json, message] of refused) assert.throws(() => parseClipConfig(json, "c"), message);
});
