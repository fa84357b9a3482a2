// What the microphone hears, mono, passed on in pieces of about 1/20 s. Runs in the audio thread, which has no modules of
// the page.
class Recorder extends AudioWorkletProcessor {
  #piece = new Float32Array(Math.round(sampleRate / 20));
  #filled = 0;

  process([channels]) {
    const [first] = channels;
    for (let i = 0; first && i < first.length; i++) {
      this.#piece[this.#filled++] = channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length;
      if (this.#filled < this.#piece.length) continue;
      this.port.postMessage(this.#piece);
      this.#filled = 0;
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
