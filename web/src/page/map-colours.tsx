import { compareMasks } from "../../../src/index.ts";
import { signed } from "./format.ts";
import { strongest } from "./heat.ts";
import { otherMask, shownColouring } from "./map-looks.ts";
import { effectsFit, measureEffects, stopMeasuring } from "./measuring.ts";
import { answers, type Colouring, colouring, effects, maskOf, masks, otherKey, selected } from "./state.ts";

const CHOICES: readonly (readonly [Colouring, string])[] = [
  ["switch", "on, off"],
  ["logit", "logit"],
  ["effect", "effect"],
  ["overlap", "overlap"],
];

/** What the map is coloured by, and the key to it. */
export function MapColours() {
  const shown = shownColouring();
  return (
    <div class="colours">
      <fieldset class="segments">
        <legend>Colour by</legend>
        {CHOICES.map(([choice, name]) => (
          <label key={choice}>
            <input
              type="radio"
              name="colouring"
              checked={colouring.value === choice}
              onChange={() => {
                colouring.value = choice;
              }}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      {colouring.value === "effect" && <EffectButton />}
      {colouring.value === "overlap" && <Overlap />}
      <Key shown={shown} />
    </div>
  );
}

function EffectButton() {
  const known = effects.value;
  const answered = answers.value.get(selected.value!.key)?.state === "done";
  if (known?.running)
    return (
      <div class="row">
        <progress
          aria-label="Heads measured"
          max={known.values.length}
          value={known.values.filter((value) => !Number.isNaN(value)).length}
        />
        <button type="button" onClick={stopMeasuring}>
          Stop
        </button>
      </div>
    );
  return (
    <div class="row">
      <button type="button" class="primary" disabled={!answered} onClick={() => void measureEffects()}>
        {effectsFit() ? "Measure again" : "Measure effects"}
      </button>
      <span class="hint">switches each head over once and looks at how probable the answer still is</span>
    </div>
  );
}

function Overlap() {
  const other = otherMask();
  if (!other) return <p class="hint">Add a second mask to compare with.</p>;
  const { jaccard, expectedJaccard, both, onlyA, onlyB } = compareMasks(
    maskOf(selected.value!),
    maskOf(other),
  );
  return (
    <div class="overlap">
      <label class="row">
        <span class="label">with</span>
        <select
          value={other.key}
          onChange={({ currentTarget }) => {
            otherKey.value = Number(currentTarget.value);
          }}
        >
          {masks.value
            .filter(({ key }) => key !== selected.value!.key)
            .map(({ key, name }) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
        </select>
      </label>
      <p class="figures">
        Jaccard <b>{jaccard.toFixed(2)}</b> ({expectedJaccard.toFixed(2)} by chance): {both} in both, {onlyA}{" "}
        only here, {onlyB} only there
      </p>
    </div>
  );
}

function Key({ shown }: { readonly shown: Colouring }) {
  if (shown === "overlap")
    return (
      <p class="key">
        <i class="swatch on" style={{ "--fill": "var(--accent)" }} /> both
        <i class="swatch on" style={{ "--fill": "var(--heat-minus)" }} /> only here
        <i class="swatch" style={{ "--fill": "var(--accent)" }} /> only there
      </p>
    );
  if (shown === "switch")
    return (
      <p class="key">
        <i class="swatch on" style={{ "--fill": "var(--accent)" }} /> on
        <i class="swatch" style={{ "--fill": "var(--faint)" }} /> off
        {colouring.value === "logit" && (
          <span>: this mask has no logits; masks that were learned have them</span>
        )}
      </p>
    );
  const values = shown === "logit" ? selected.value!.edits.logits! : effects.value!.values;
  const most = strongest(values);
  const means = shown === "logit" ? ["off", "on"] : ["hinders the answer", "carries the answer"];
  return (
    <p class="key">
      {means[0]} <span class="figures">{signed(-most, 1)}</span>
      <i class="scale" />
      <span class="figures">+{most.toFixed(1)}</span> {means[1]}
      <i class="swatch on" style={{ "--fill": "var(--muted)" }} /> on
      <i class="swatch" style={{ "--fill": "var(--muted)" }} /> off
    </p>
  );
}
