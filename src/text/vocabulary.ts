import type { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";

/** What text without special tokens is made of. */
export interface Vocabulary {
  /** Ids run from 0 to `size` − 1. */
  readonly size: number;
  /** The tokens of a run of text; `section` is 0 for the run that opens the whole. */
  cut(text: string, section: number): number[];
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
}

/** A vocabulary out of tokenizer.json, by which `@huggingface/tokenizers` normalises, pre-tokenises and merges. */
export class Pipeline implements Vocabulary {
  readonly size: number;

  constructor(private readonly pipeline: HuggingFaceTokenizer) {
    this.size = pipeline.model!.vocab.length;
  }

  cut(text: string, section: number): number[] {
    const { normalizer, pre_tokenizer, model } = this.pipeline;
    const normal = normalizer ? normalizer(text) : text;
    if (normal === "" || text === "") return [];
    // some pre-tokenizers put a word mark only where the text opens
    const words = pre_tokenizer ? pre_tokenizer(normal, { section_index: section }) : [normal];
    return model!(words).map((token) => this.idOf(token)!);
  }

  idOf(token: string): number | undefined {
    return this.pipeline.token_to_id(token);
  }

  tokenOf(id: number): string | undefined {
    return this.pipeline.id_to_token(id);
  }
}
