import type { DType, Gpu, Tensor } from "../gpu/index.ts";
import type { Checkpoint } from "../io/checkpoint.ts";
import type { Param, Tree } from "../io/params.ts";
import type { Plan } from "../io/plan.ts";
import type { Ops } from "../kernels/index.ts";
import { ConfigError, Fields } from "./fields.ts";
import type { LanguageModel } from "./language-model.ts";
import { FAMILIES, familyOf, modelConfig } from "./model-config.ts";
import { qwen2AudioBlueprint } from "./qwen2-audio-blueprint.ts";
import { salmonnBlueprint } from "./salmonn-blueprint.ts";

/** A part of a model that its publisher may keep in a file and a type of its own. */
export interface ModelPart {
  readonly name: string;
  /** What is read of the files. */
  readonly stored: Tree;
  /** What becomes of it on the GPU, where that is something else. */
  readonly made?: Tree;
  /** What the config says the part is stored in. */
  readonly dtype: DType;
}

/** A model before there are weights: what its config says of it, and how it works once there are tensors. */
export interface Blueprint {
  readonly family: string;
  readonly parts: readonly ModelPart[];
  /** Of the decoder. */
  readonly text: Pick<LanguageModel, "layers" | "heads" | "width" | "maxPositions">;
  /** Seconds of sound that the encoder hears. */
  readonly windowSeconds: number;
  /** What an answer is made with where the user says nothing; folders of Qwen2-Audio may say otherwise. */
  readonly generation: { readonly maxNewTokens: number; readonly beams: number };
  /** Audio tokens that a clip of so many samples (16 kHz) becomes. */
  audioTokens(samples: number): number;
  /** How a checkpoint fills what is stored of all parts: see `planWeights`. */
  weights(checkpoint: Checkpoint): Plan[];
  /** The model over the tensors that `make` gives, one for each Param that is stored or made. */
  build(gpu: Gpu, make: (param: Param) => Tensor): Promise<BuiltModel>;
}

export interface BuiltModel {
  readonly lm: LanguageModel;
  /** Clips of 16 kHz mono → [Σ audioTokens, C]. */
  encode(ops: Ops, clips: readonly Float32Array[]): Tensor;
}

/** From the text of a config.json. Throws ConfigError naming every missing or wrong field, or the families there are. */
export function blueprint(json: string): Blueprint {
  const known = modelConfig(json);
  const fields = Fields.parse(json, "config.json");
  if (known?.family === "qwen2_audio") return qwen2AudioBlueprint(known.config, fields);
  if (known?.family === "salmonn") return salmonnBlueprint(known.config, fields);
  throw new ConfigError(
    `config.json: expected model_type ${FAMILIES.join(" or ")}, got ${JSON.stringify(familyOf(json))}; ` +
      "this engine has no such family",
  );
}
