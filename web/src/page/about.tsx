/** What the page is, for who comes upon it; also where there is no WebGPU. */
export function About() {
  return (
    <section class="about" aria-labelledby="about-title">
      <h2 id="about-title">What this is</h2>
      <div class="columns">
        <p>
          An audio language model hears a sound and answers in text. Usually it is told what to do:
          “transcribe”, “translate”, “name the speaker's gender”. Each word of that is a token to be read,
          every time.
        </p>
        <p>
          Its decoder has attention heads, a few in each layer. Switched on and off in the right pattern, they
          make the model do the same task with <em>no instruction at all</em>. The pattern is a{" "}
          <b>head mask</b>: one bit a head, 8 bytes for the demo model.
        </p>
        <p>
          Masks are learned from examples, by gradient, here in the page. Model, sounds and masks stay on this
          machine: nothing is sent anywhere. The idea is the AHAMask paper's (arXiv 2509.01787).
        </p>
      </div>
    </section>
  );
}
