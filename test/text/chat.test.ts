import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ChatFiles, type ChatMessage, ChatTemplate, ChatTemplateError } from "../../src/text/chat.ts";
import { llama, qwen } from "./fixtures.ts";

const hello: ChatMessage[] = [{ role: "user", content: "hello" }];
const render = (source: string, config = {}) =>
  ChatTemplate.fromFiles({
    "chat_template.jinja": source,
    "tokenizer_config.json": JSON.stringify(config),
  }).render(hello);

for (const { name, template, fixture } of [qwen, llama]) {
  test(`${name}: renders as transformers`, () => {
    for (const { clips, text, system, rendered } of fixture.chats) {
      const content = [
        ...Array.from({ length: clips }, () => ({ type: "audio" as const, audio_url: "a" })),
        { type: "text" as const, text },
      ];
      const messages: ChatMessage[] = [{ role: "user", content }];
      if (system !== null) messages.unshift({ role: "system", content: system });
      assert.is(template.render(messages), rendered);
    }
  });
}

test("chat_template.jinja counts before chat_template.json before tokenizer_config.json", () => {
  const files: { -readonly [K in keyof ChatFiles]: string } = {
    "tokenizer_config.json": '{"chat_template": "config"}',
  };
  assert.is(ChatTemplate.fromFiles(files).render(hello), "config");
  files["chat_template.json"] = '{"chat_template": "processor"}';
  assert.is(ChatTemplate.fromFiles(files).render(hello), "processor");
  files["chat_template.jinja"] = "jinja";
  assert.is(ChatTemplate.fromFiles(files).render(hello), "jinja");
});

test("of several named templates the default counts", () => {
  for (const chat_template of [
    [
      { name: "tool_use", template: "no" },
      { name: "default", template: "yes" },
    ],
    { tool_use: "no", default: "yes" },
  ]) {
    const files = { "tokenizer_config.json": JSON.stringify({ chat_template }) };
    assert.is(ChatTemplate.fromFiles(files).render(hello), "yes");
  }
});

test("lines that hold only a block leave nothing behind", () => {
  assert.is(render("a\n  {% if true %}\n  b\n  {% endif %}\nc"), "a\n  b\nc");
});

test("special tokens, tojson and strftime_now are there", () => {
  const config = { bos_token: { content: "<s>" }, eos_token: "</s>", pad_token: null };
  assert.is(render("{{ bos_token }}{{ eos_token }}{{ pad_token }}", config), "<s></s>");
  assert.is(render("{{ messages | tojson }}{{ 'ü' | tojson }}"), '[{"role": "user", "content": "hello"}]"ü"');
  assert.match(render("{{ strftime_now('%Y') }}"), /^\d{4}$/);
  assert.is(render("{% if add_generation_prompt %}go{% endif %}"), "go");
});

const throws = (fn: () => unknown, message: RegExp) =>
  assert.throws(fn, (error: Error) => error instanceof ChatTemplateError && message.test(error.message));

test("no template names the files looked for", () => {
  const message =
    /looked for chat_template\.jinja, chat_template\.json, tokenizer_config\.json; add chat_template\.jinja/;
  throws(() => ChatTemplate.fromFiles({}), message);
  throws(() => ChatTemplate.fromFiles({ "tokenizer_config.json": "{}" }), message);
});

test("templates that fail say why and what to do", () => {
  throws(() => render("{% if %}"), /not valid Jinja: .*correct the template/);
  throws(() => render("{{ raise_exception('no system here') }}"), /\[user\]: no system here; .*correct/);
  throws(() => render("{{ messages | nothing }}"), /failed on messages \[user\]/);
  throws(() => ChatTemplate.fromFiles({ "chat_template.json": "{" }), /chat_template\.json: not JSON/);
});

test.run();
