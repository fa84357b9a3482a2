import { About } from "./about.tsx";
import { Answers } from "./answers.tsx";
import { ClipList } from "./clip-list.tsx";
import { ClipView } from "./clip-view.tsx";
import { DropZone } from "./drop-zone.tsx";
import { HeadMap } from "./head-map.tsx";
import { Header } from "./header.tsx";
import { KeptHere } from "./kept-here.tsx";
import { Learn } from "./learn.tsx";
import { Loading } from "./loading.tsx";
import { Saving } from "./saving.tsx";
import { stage } from "./state.ts";
import { Troubles } from "./troubles-list.tsx";
import { Unable } from "./unable.tsx";

export function App() {
  const { kind } = stage.value;
  return (
    <div class="page">
      <a class="skip" href="#answers">
        To the answers
      </a>
      <Header />
      <Troubles />
      {kind === "unable" ? <Unable /> : <Loading />}
      {kind !== "unable" && (
        <main class="bench">
          <ClipList />
          <div class="work">
            <ClipView />
            <Answers />
            <div class="pair">
              <HeadMap />
              <div class="stack">
                <Learn />
                <Saving />
              </div>
            </div>
          </div>
        </main>
      )}
      <About />
      {kind !== "unable" && <KeptHere />}
      {kind !== "unable" && <DropZone />}
    </div>
  );
}
