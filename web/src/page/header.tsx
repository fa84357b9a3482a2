import { bytes } from "./format.ts";
import { ModelPicker } from "./model-picker.tsx";
import { machine, memory, model, speed } from "./state.ts";

export function Header() {
  return (
    <header class="top">
      <div class="name">
        <h1>ahamask</h1>
        <p>An audio language model on this machine, steered by switching its attention heads.</p>
      </div>
      {machine.value && <ModelPicker />}
      {machine.value && <Readings />}
    </header>
  );
}

/** What the instruments say. */
function Readings() {
  const { adapter, software } = machine.value!;
  return (
    <dl class="readings">
      <Reading name="GPU" title={adapter} value={software ? "software" : adapter} wide />
      <Reading name="memory" value={memory.value ? bytes(memory.value) : "–"} />
      <Reading name="tokens/s" value={speed.value ? speed.value.toFixed(speed.value < 10 ? 1 : 0) : "–"} />
      {model.value && <Reading name="heads" value={`${model.value.layers} × ${model.value.heads}`} />}
    </dl>
  );
}

interface ReadingProps {
  readonly name: string;
  readonly value: string;
  readonly title?: string;
  readonly wide?: boolean;
}

const Reading = ({ name, value, title, wide }: ReadingProps) => (
  <div class={wide ? "reading wide" : "reading"} title={title}>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);
