// The stepping page: the state is one number, the step, and all that is shown follows from it.
import { h, render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import htm from "htm";
import { select } from "d3-selection";
import { zoom, zoomIdentity, zoomTransform } from "d3-zoom";

const html = htm.bind(h);
const data = JSON.parse(document.getElementById("data").textContent);
const steps = data.steps;
const templates = [...document.querySelectorAll("template.picture")];
const PLAYING = 1400;
const SHOWN = 60;

const arrivals = new Map(); // value's id -> [{step, from, to}], in the order of the pass
steps.forEach((step, index) =>
  step.to.forEach((to) => {
    if (!arrivals.has(to.id)) arrivals.set(to.id, []);
    arrivals.get(to.id).push({ step: index + 1, from: step, to });
  }),
);
const firstWrong = steps.findIndex((step) => step.hand && step.hand.verdict === "first to differ") + 1;
const verdicts = {
  agrees: "✓ your hand-written gradient agrees",
  differs: "✗ your hand-written gradient differs",
  "first to differ": "✗ your hand-written gradient differs, here first",
};

function short(value) {
  if (typeof value === "string") return value;
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(+value.toPrecision(3));
  return text.replaceAll("-", "−");
}

const LOW = [8, 29, 88];
const HIGH = [255, 243, 176];
function colour(value, array) {
  if (typeof value === "string") return ["#ffffff", "#b00020"];
  const part = array.high > array.low ? (value - array.low) / (array.high - array.low) : 0.5;
  const mixed = LOW.map((low, channel) => Math.round(low + part * (HIGH[channel] - low)));
  return [`rgb(${mixed})`, luminance(mixed) < 0.18 ? "#ffffff" : "#000000"];
}

function luminance(channels) {
  const [red, green, blue] = channels.map((c) => (c <= 10 ? c / 3294 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function shapeOf(array) {
  return array.shape.length ? `(${array.shape.join(", ")}${array.shape.length === 1 ? "," : ""})` : "a number";
}

function differential(name) {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) ? `d${name}` : `d(${name})`;
}

function describe(array) {
  const range = array.low === array.high ? short(array.low) : `${short(array.low)} … ${short(array.high)}`;
  const bad = array.bad ? `, NaN or infinite: ${array.bad}` : "";
  return `${shapeOf(array)}: ${range}, norm ${short(array.norm)}${bad}${array.whole ? "" : " (a sample is shown)"}`;
}

function Heat({ title, array }) {
  const columns = array.rows.length ? array.rows[0].length : 0;
  const written = columns <= 6 && array.rows.length * columns <= 48;
  const cells = array.rows.flatMap((row, i) =>
    row.map((value, j) => {
      const [background, color] = colour(value, array);
      const place = array.whole ? `(${i}, ${j}): ` : "";
      return html`<i title=${`${place}${value}`} data-value=${String(value)} style=${{ background, color }}
        >${written ? short(value) : ""}</i>`;
    }),
  );
  const style = { gridTemplateColumns: `repeat(${columns}, ${written ? "minmax(3.2em, auto)" : "1fr"})` };
  const name = `${title}, ${describe(array)}`;
  return html`<figure class=${written ? "heat written" : "heat"}>
    <figcaption>${title} <small>${describe(array)}</small></figcaption>
    <div class="cells" role="img" aria-label=${name} style=${style}>${cells}</div>
  </figure>`;
}

function Shares({ id, upto }) {
  const all = arrivals.get(id) || [];
  const parts = all.filter((one) => one.step <= upto);
  if (all.length < 2) return null;
  const whole = parts.reduce((sum, one) => sum + one.to.norm, 0) || 1;
  const caption = `${parts.length} of ${all.length} contributions to ${differential(parts[0].to.name)} have arrived`;
  return html`<div class="shares"><p>${caption}</p>
    <ul>${parts.map((one) => {
      const share = Math.round((100 * one.to.norm) / whole);
      return html`<li><span class="bar" style=${{ width: `${share}%` }}></span><span>${share} % by ${one.from.name}</span></li>`;
    })}</ul></div>`;
}

function Quiz({ to, solved, onSolved }) {
  const [guess, setGuess] = useState("");
  const [verdict, setVerdict] = useState("");
  const check = (event) => {
    event.preventDefault();
    const value = Number(guess.replace("−", "-").replace(",", "."));
    const right = guess.trim() !== "" && Math.abs(value - to.answer) <= 0.02 * Math.abs(to.answer) + 1e-12;
    setVerdict(right ? "Right!" : "Not yet: multiply the upstream gradient by the local derivative.");
    if (right) onSolved(true);
  };
  if (solved) return html`<p class="answer">Right: ${to.sentence}</p>`;
  return html`<form class="quiz" onSubmit=${check}>
    <label>What arrives in ${differential(to.name)}${to.at ? ` at ${to.at}` : ""}?
      <input value=${guess} inputmode="decimal" onInput=${(event) => setGuess(event.target.value)} /></label>
    <button>Check</button> <button type="button" onClick=${() => onSolved(true)}>Show</button>
    <p role="status">${verdict}</p>
  </form>`;
}

function Contribution({ to, at, quiz }) {
  const [solved, setSolved] = useState(false);
  const hidden = quiz && !solved && to.answer !== null;
  return html`<section class="contribution">
    <h3><code>${to.formula}</code></h3>
    ${to.local && html`<${Heat} title="local derivative" array=${to.local} />`}
    ${hidden
      ? html`<${Quiz} to=${to} solved=${solved} onSolved=${setSolved} />`
      : html`<p class="sentence">${to.sentence}</p>
          <${Heat} title=${`contribution to ${differential(to.name)}`} array=${to.value} />
          ${to.total && html`<${Heat} title=${`sum so far, ${differential(to.name)}`} array=${to.total} />`}
          <${Shares} id=${to.id} upto=${at} />`}
  </section>`;
}

function Hand({ hand }) {
  if (!hand) return null;
  return html`<section class=${hand.verdict === "agrees" ? "hand" : "hand wrong"}>
    <h3>${verdicts[hand.verdict] || "your hand-written gradient proves nothing here"}</h3>
    <${Heat} title="written by hand" array=${hand.value} />
    ${hand.words && html`<p>${hand.words}</p>`}
  </section>`;
}

function spoken(at) {
  if (!steps.length) return data.missing;
  if (!at) return `Before the first step: values have been computed, and no gradient yet. ${steps.length} steps.`;
  const step = steps[at - 1];
  const said = step.to.length ? step.to.map((to) => to.sentence).join("; ") : `the gradient of ${step.name} is complete`;
  return `Step ${at} of ${steps.length}, ${step.name}: ${said}`;
}

function Panel({ at, quiz, stops, toggleStop }) {
  if (!steps.length) return html`<p>${data.missing}</p>`;
  if (!at)
    return html`<h2>Before the first step</h2>
      <p>All values have been computed; no gradient has. The backward pass has ${steps.length} steps, from
        <strong> ${steps[0].name}</strong> back to what it was computed from.</p>
      <p>Go on with the button “Next” or the key →.</p>`;
  const step = steps[at - 1];
  return html`<h2>${step.name}<small> ${step.op === "leaf" ? "" : step.op}</small></h2>
    <p class="code"><small>${step.place}</small><code>${step.source || step.forward}</code></p>
    ${step.forward !== step.name && html`<p class="forward">forward: <code>${step.forward}</code></p>`}
    <label class="stop"><input type="checkbox" checked=${stops.has(step.name)} onChange=${() => toggleStop(step.name)} />
      stop here when playing</label>
    <${Heat} title=${`${step.to.length ? "upstream gradient" : "gradient, complete:"} ${differential(step.name)}`} array=${step.up} />
    <${Hand} hand=${step.hand} />
    ${step.to.map((to, index) => html`<${Contribution} key=${`${at}.${index}.${quiz}`} to=${to} at=${at} quiz=${quiz} />`)}`;
}

function Picture({ which, at, go, controls }) {
  const frame = useRef(null);
  const held = useRef(null);
  useEffect(() => {
    const holder = frame.current;
    holder.replaceChildren(templates[which].content.cloneNode(true));
    const svg = holder.querySelector("svg");
    const { width, height } = svg.viewBox.baseVal;
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", data.title);
    // The picture is moved as a whole: a transform within it would lay out all of its text anew.
    const move = ({ transform: { x, y, k } }) => (svg.style.transform = `translate(${x}px, ${y}px) scale(${k})`);
    const behaviour = zoom().scaleExtent([0.02, 8]).on("zoom", move);
    const selection = select(holder).call(behaviour);
    const fit = () => {
      const whole = Math.min(holder.clientWidth / width, holder.clientHeight / height);
      const scale = Math.min(1.3, Math.max(whole, Math.min(0.8, holder.clientWidth / width)));
      const x = (holder.clientWidth - width * scale) / 2;
      selection.call(behaviour.transform, zoomIdentity.translate(x, 0).scale(scale));
    };
    fit();
    const nodes = new Map([...svg.querySelectorAll("g.node")].map((node) => [node.id, node]));
    const edges = new Map([...svg.querySelectorAll("g.edge")].map((edge) => [edge.id, edge]));
    held.current = { svg, nodes, edges, selection, behaviour, holder };
    controls.current = {
      fit,
      by: (factor) => selection.call(behaviour.scaleBy, factor),
    };
    svg.addEventListener("click", (event) => {
      const node = event.target.closest("g.node");
      const found = node ? steps.findIndex((step) => homes(which, step.id).includes(node.id)) : -1;
      if (found >= 0) go(found + 1);
    });
  }, [which]);
  useEffect(() => {
    const { nodes, edges, svg, selection, behaviour, holder } = held.current;
    const done = new Set(steps.slice(0, at).flatMap((step) => homes(which, step.id)));
    const now = at ? homes(which, steps[at - 1].id) : [];
    const reached = new Set(at ? steps[at - 1].to.flatMap((to) => homes(which, to.id)) : []);
    const flowing = new Set(at ? steps[at - 1].to.flatMap((to) => now.map((id) => `e${id.slice(1)}i${to.index}`)) : []);
    svg.classList.toggle("stepping", at > 0);
    for (const [id, node] of nodes) {
      node.classList.toggle("now", now.includes(id));
      node.classList.toggle("reached", reached.has(id));
      node.classList.toggle("done", done.has(id));
    }
    for (const [id, edge] of edges) edge.classList.toggle("flowing", flowing.has(id));
    const target = now.length && nodes.get(now[0]);
    if (target) {
      const [seen, frameBox] = [target.getBoundingClientRect(), holder.getBoundingClientRect()];
      const outside =
        seen.top < frameBox.top || seen.bottom > frameBox.bottom || seen.left < frameBox.left || seen.right > frameBox.right;
      if (outside) {
        const { k } = zoomTransform(holder);
        const x = (frameBox.left + frameBox.width / 2 - seen.left - seen.width / 2) / k;
        const y = (frameBox.top + frameBox.height / 2 - seen.top - seen.height / 2) / k;
        selection.call(behaviour.translateBy, x, y);
      }
    }
  }, [at, which]);
  return html`<div class="picture" ref=${frame}></div>`;
}

function homes(which, id) {
  return data.homes[which][id] || [`n${id}`];
}

function Steps({ at, go, query, setQuery, searchBox }) {
  const found = useMemo(() => {
    const wanted = query.trim().toLowerCase();
    const all = steps.map((step, index) => ({ step, number: index + 1 }));
    return all.filter(({ step }) => !wanted || `${step.name} ${step.op} ${step.source}`.toLowerCase().includes(wanted));
  }, [query]);
  const from = query ? 0 : Math.max(0, Math.min(at - SHOWN / 2, found.length - SHOWN));
  const shown = found.slice(from, from + SHOWN);
  const enter = (event) => {
    if (event.key === "Enter" && found.length) go(found[0].number);
    if (event.key === "Escape") setQuery("");
  };
  return html`<nav class="steps" aria-label="All steps">
    <label>Search <input type="search" value=${query} ref=${searchBox} onInput=${(event) => setQuery(event.target.value)}
      onKeyDown=${enter} placeholder="a name, an operation" /></label>
    <ol>${shown.map(
      ({ step, number }) => html`<li><button aria-current=${number === at ? "step" : null} onClick=${() => go(number)}>
        <small>${number}</small> ${step.name}${step.hand && step.hand.verdict ? ` ${verdicts[step.hand.verdict][0]}` : ""}
      </button></li>`,
    )}</ol>
    ${found.length > shown.length && html`<p><small>${found.length - shown.length} more</small></p>`}
  </nav>`;
}

function fromHash() {
  const match = /step=(\d+)/.exec(location.hash);
  return match ? Math.min(Number(match[1]), steps.length) : 0;
}

function App() {
  const [at, setAt] = useState(fromHash());
  const [which, setWhich] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [quiz, setQuiz] = useState(false);
  const [stops, setStops] = useState(new Set());
  const [query, setQuery] = useState("");
  const [dark, setDark] = useState(matchMedia("(prefers-color-scheme: dark)").matches);
  const controls = useRef(null);
  const searchBox = useRef(null);
  const last = steps.length;
  const go = (step) => setAt(Math.max(0, Math.min(last, step)));
  const move = (by) => setAt((before) => Math.max(0, Math.min(last, before + by)));
  const toggleStop = (name) =>
    setStops((before) => {
      const after = new Set(before);
      if (!after.delete(name)) after.add(name);
      return after;
    });

  useEffect(() => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }, [dark]);
  useEffect(() => {
    try {
      history.replaceState(null, "", `#step=${at}`);
    } catch {
      // A frame without an origin of its own has no history to write to.
    }
  }, [at]);
  useEffect(() => {
    const follow = () => setAt(fromHash());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => {
    if (!playing) return undefined;
    if (at >= last || (at > 0 && stops.has(steps[at - 1].name) && playing !== at)) {
      setPlaying(false);
      return undefined;
    }
    const timer = setTimeout(() => move(1), PLAYING);
    return () => clearTimeout(timer);
  }, [playing, at]);
  const play = () => setPlaying(playing ? false : at || -1);
  const keys = {
    ArrowRight: () => move(1),
    ArrowLeft: () => move(-1),
    Home: () => go(0),
    End: () => go(last),
    " ": play,
    b: () => at && toggleStop(steps[at - 1].name),
    q: () => setQuiz(!quiz),
    w: () => firstWrong && go(firstWrong),
    f: () => setWhich((which + 1) % templates.length),
    t: () => setDark(!dark),
    "/": () => searchBox.current.focus(),
    "+": () => controls.current.by(1.3),
    "-": () => controls.current.by(1 / 1.3),
    0: () => controls.current.fit(),
  };
  const latest = useRef(keys);
  latest.current = keys; // A key pressed right after another finds what that one has changed.
  useEffect(() => {
    const press = (event) => {
      const writes = event.target.closest?.("input:not([type=range]):not([type=checkbox]), textarea");
      const own = event.target.closest?.("input[type=range]") && event.key.startsWith("Arrow");
      const pushes = event.key === " " && event.target.closest?.("button, input, summary");
      const act = latest.current[event.key];
      if (writes || own || pushes || event.ctrlKey || event.metaKey || event.altKey || !act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  return html`<header>
      <h1>${data.title}</h1>
      <div class="bar controls" role="group" aria-label="Steps">
        <button onClick=${() => go(0)} disabled=${!at} aria-label="First">|◀</button>
        <button onClick=${() => move(-1)} disabled=${!at} aria-label="Back">◀ Back</button>
        <button class="main" onClick=${() => move(1)} disabled=${at >= last} aria-label="Next">Next ▶</button>
        <button onClick=${() => go(last)} disabled=${at >= last} aria-label="Last">▶|</button>
        <button onClick=${play} disabled=${!last} aria-pressed=${Boolean(playing)}>${playing ? "Pause" : "Play"}</button>
        <input type="range" min="0" max=${last} value=${at} aria-label="Step" aria-valuetext=${`step ${at} of ${last}`}
          onInput=${(event) => go(Number(event.target.value))} />
        <output>${at} / ${last}</output>
        ${firstWrong > 0 && html`<button class="wrong" onClick=${() => go(firstWrong)}>Jump to the first wrong one</button>`}
        <button aria-pressed=${quiz} onClick=${() => setQuiz(!quiz)}>Quiz</button>
        ${templates.length > 1 &&
        html`<button onClick=${() => setWhich((which + 1) % templates.length)}>${templates[(which + 1) % templates.length].title}</button>`}
        <button onClick=${() => controls.current.by(1.3)} aria-label="Zoom in">+</button>
        <button onClick=${() => controls.current.by(1 / 1.3)} aria-label="Zoom out">−</button>
        <button onClick=${() => controls.current.fit()}>Fit</button>
        <button onClick=${() => setDark(!dark)}>${dark ? "Light" : "Dark"}</button>
      </div>
      <p class="sentence" role="status" aria-live="polite">${quiz && at ? `Step ${at} of ${last}, ${steps[at - 1].name}` : spoken(at)}</p>
    </header>
    <main>
      <${Picture} which=${which} at=${at} go=${go} controls=${controls} />
      <div class="panel" tabindex="0" role="region" aria-label="This step">
        <${Panel} at=${at} quiz=${quiz} stops=${stops} toggleStop=${toggleStop} />
      </div>
      <${Steps} at=${at} go=${go} query=${query} setQuery=${setQuery} searchBox=${searchBox} />
    </main>
    <footer><details><summary>Keys</summary><p>→ and ← step, Home and End go to the ends, space plays, B sets a stop, Q is
      the quiz, W goes to the first wrong gradient, F folds and unfolds, / searches, + − 0 zoom, T turns the lights on and
      off. The address ends in the step, as #step=12, to be sent to others.</p></details></footer>`;
}

render(html`<${App} />`, document.getElementById("app"));
addEventListener("beforeprint", () => document.getElementById("words").setAttribute("open", ""));
