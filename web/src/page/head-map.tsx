import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { headsPerLayer } from "../../../src/index.ts";
import { HeadGrid } from "./head-grid.ts";
import { MapColours } from "./map-colours.tsx";
import { looks } from "./map-looks.ts";
import { MapTools } from "./map-tools.tsx";
import { edit, redo, undo } from "./masks.ts";
import { Section } from "./section.tsx";
import { maskOf, masks, selected, selectedKey } from "./state.ts";
import { dark } from "./theme.ts";

/** The heads of the selected mask: each cell is one, rows are layers. */
export function HeadMap() {
  const mask = selected.value && maskOf(selected.value);
  return (
    <Section id="map" title="Attention heads" aside={mask && <Which />}>
      {mask ? (
        <>
          <MapTools />
          <MapColours />
          <div class="map-and-bars">
            <Grid key={`${mask.layers} ${mask.heads}`} layers={mask.layers} heads={mask.heads} />
            <Bars />
          </div>
          <p class="hint">
            Click a head to switch it, drag to paint, click a number for a whole row or column. Keys: arrows
            move, space switches, Ctrl+Z takes back.
          </p>
        </>
      ) : (
        <p class="empty">Add a mask to the answers: its heads appear here, to be switched one by one.</p>
      )}
    </Section>
  );
}

/** Which mask the map shows. */
function Which() {
  return (
    <select
      aria-label="The mask in the map"
      value={selected.value!.key}
      onChange={({ currentTarget }) => {
        selectedKey.value = Number(currentTarget.value);
      }}
    >
      {masks.value.map(({ key, name }) => (
        <option key={key} value={key}>
          {name}
        </option>
      ))}
    </select>
  );
}

function Grid({ layers, heads }: { readonly layers: number; readonly heads: number }) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const onSwitch = (which: ReadonlySet<number>, to: boolean) => edit((i, on) => (which.has(i) ? to : on));
    const grid = new HeadGrid(root.current!, { layers, heads }, { onSwitch });
    const stop = effect(() => {
      void dark.value; // the picture has the theme's colours
      if (selected.value) grid.show({ gates: maskOf(selected.value).gates(), looks: looks() });
    });
    return () => {
      stop();
      grid.dispose();
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    if (event.shiftKey) redo();
    else undo();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table's cells cannot be laid out as freely
    <div
      ref={root}
      class="grid"
      role="grid"
      aria-label="Heads: rows are layers, columns are heads"
      aria-multiselectable="true"
      onKeyDown={onKeyDown}
    />
  );
}

/** How many heads of each layer are on. */
function Bars() {
  const mask = maskOf(selected.value!);
  return (
    <div class="bars" aria-hidden="true">
      {headsPerLayer(mask).map((on, layer) => (
        <i key={layer} style={{ "--share": on / mask.heads }}>
          {mask.layers <= 16 && on}
        </i>
      ))}
    </div>
  );
}
