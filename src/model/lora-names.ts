const LORA = /\.lora_[AB]\./;

/** Tensors that `loadLora` takes, of a checkpoint that holds others too. */
export const isLora = (name: string): boolean => LORA.test(name);

/** Names as PEFT writes them, alone or within SALMONN, with an adapter's name or without → by the decoder's names. */
export const loraName = (name: string): string =>
  name.replace(/^(llama_model\.)?(base_model\.model\.)?/, "").replace(/(\.lora_[AB])\.default\./, "$1.");
