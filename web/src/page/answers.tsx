import { AddCondition } from "./add-condition.tsx";
import { AnswerCard } from "./answer-card.tsx";
import { Section } from "./section.tsx";
import { chosen, conditions, model } from "./state.ts";

/** The chosen clip's answers under every condition, side by side. */
export function Answers() {
  return (
    <Section id="answers" title="Answers" aside={<AddCondition />}>
      {model.value && !chosen.value && (
        <p class="empty">Choose a sound: the model answers under each condition.</p>
      )}
      {chosen.value && conditions.value.length === 0 && (
        <p class="empty">Add a condition: an instruction, none at all, or a mask over the attention heads.</p>
      )}
      <ul class="cards">
        {conditions.value.map((condition) => (
          <AnswerCard key={condition.key} condition={condition} />
        ))}
      </ul>
    </Section>
  );
}
