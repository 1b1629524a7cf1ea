// The page: a list of studies, the series of one, and the stack of a series.
import * as web from "./dicomweb.js";
import { Stack } from "./stack.js";

const PAGE = 50;
const at = (id) => document.getElementById(id);
let found = 0, asked = new URLSearchParams(), playing = null;
let stack = null; // it tells of itself while it is made
stack = new Stack(at("picture"), tell);

function cell(row, text) { row.insertCell().textContent = text; }

function parametersOf(form) {
  const given = new FormData(form), parameters = new URLSearchParams();
  for (const key of ["PatientID", "AccessionNumber"]) if (given.get(key)) parameters.set(key, given.get(key));
  if (given.get("ModalitiesInStudy")) parameters.set("ModalitiesInStudy", given.get("ModalitiesInStudy").toUpperCase());
  if (given.get("PatientName")) parameters.set("PatientName", `*${given.get("PatientName").replaceAll(" ", "*")}*`);
  const [from, to] = ["from", "to"].map((key) => (given.get(key) ?? "").replaceAll("-", ""));
  if (from || to) parameters.set("StudyDate", `${from}-${to}`);
  return parameters;
}

async function search(isMore = false) {
  const body = at("studies").querySelector("tbody"), note = at("studies-note");
  if (!isMore) { asked = parametersOf(at("search")); found = 0; body.replaceChildren(); }
  note.className = "note";
  note.textContent = "Looking …";
  at("more").hidden = true;
  const parameters = new URLSearchParams(asked);
  parameters.set("limit", PAGE + 1);
  parameters.set("offset", found);
  parameters.set("includefield", "StudyDescription");
  try {
    const studies = await web.studies(parameters);
    for (const study of studies.slice(0, PAGE)) body.append(rowOf(study));
    found += Math.min(studies.length, PAGE);
    note.textContent = found ? `${found} studies${studies.length > PAGE ? ", and more" : ""}` : "No study matches.";
    at("more").hidden = studies.length <= PAGE;
  } catch (refusal) {
    note.className = "note bad";
    note.textContent = `The studies cannot be listed (${refusal.message}).`;
  }
}

function rowOf(study) {
  const row = document.createElement("tr");
  row.tabIndex = 0;
  cell(row, web.name(study) || "(no name)");
  cell(row, web.value(study, "PatientID"));
  cell(row, web.date(study));
  cell(row, web.values(study, "ModalitiesInStudy").join(", "));
  cell(row, web.value(study, "StudyDescription"));
  cell(row, web.value(study, "StudyInstances"));
  const open = () => { location.hash = web.value(study, "StudyInstanceUID"); };
  row.onclick = open;
  row.onkeydown = (event) => { if (event.key === "Enter") open(); };
  return row;
}

function turnTo(isReading) {
  at("studies").hidden = at("search").hidden = isReading;
  at("reading").hidden = !isReading;
}

async function openStudy(uid) {
  turnTo(true);
  at("series").replaceChildren();
  stack.open([]);
  try {
    const [studies, series] = await Promise.all([
      web.studies(new URLSearchParams({ StudyInstanceUID: uid, includefield: "StudyDescription" })),
      web.series(uid),
    ]);
    const study = studies[0];
    const heading = study ? [web.name(study), web.value(study, "PatientID"), web.date(study), web.value(study, "StudyDescription")].filter(Boolean).join(" · ") : "";
    series.sort((one, other) => web.number(one, "SeriesNumber") - web.number(other, "SeriesNumber"));
    at("title").textContent = heading || "This study is not here.";
    const buttons = series.map((one) => buttonOf(uid, one));
    at("series").append(...buttons);
    buttons[0]?.click();
  } catch (refusal) {
    at("title").textContent = `The study cannot be opened (${refusal.message}).`;
  }
}

function buttonOf(study, series) {
  const uid = web.value(series, "SeriesInstanceUID");
  const button = document.createElement("button"), picture = document.createElement("img");
  picture.loading = "lazy";
  picture.alt = "";
  picture.src = web.thumbnail(study, uid);
  picture.onerror = () => picture.remove();
  const text = document.createElement("span"), small = document.createElement("small");
  text.textContent = [web.value(series, "Modality"), web.value(series, "SeriesDescription") || `Series ${web.value(series, "SeriesNumber", "")}`].join(" ");
  small.textContent = ` ${web.value(series, "SeriesInstances", "")}`;
  button.append(picture, text, small);
  button.onclick = () => openSeries(study, uid, button);
  return button;
}

async function openSeries(study, uid, button) {
  for (const one of at("series").children) one.setAttribute("aria-pressed", String(one === button));
  stop();
  tell("Loading …");
  try {
    const objects = await web.metadata(study, uid);
    if (button.getAttribute("aria-pressed") !== "true") return;
    const slices = slicesOf(study, uid, objects);
    at("slider").max = Math.max(slices.length, 1);
    stack.open(slices);
    if (!slices.length) tell("Nothing in this series can be shown as an image.");
    at("picture").focus();
  } catch (refusal) {
    tell(`The series cannot be opened (${refusal.message}).`);
  }
}

function slicesOf(study, series, objects) {
  const order = (one) => web.number(one, "InstanceNumber");
  return objects.filter((one) => web.number(one, "Rows")).sort((one, other) => order(one) - order(other)).flatMap((object) => {
    const place = { study, series, instance: web.value(object, "SOPInstanceUID") };
    const frames = Math.max(web.number(object, "NumberOfFrames", 1), 1);
    return Array.from({ length: frames }, (_, index) => ({ place, frame: index + 1, object }));
  });
}

function tell(remark = "") {
  const slice = stack?.slices[stack.at], size = stack?.slices.length ?? 0;
  at("top-left").textContent = [remark, size ? `Image ${stack.at + 1} of ${size}` : ""].filter(Boolean).join("\n");
  const shown = stack?.window;
  at("bottom-left").textContent = slice ? [
    shown ? `Window ${Math.round(shown.center)} / ${Math.round(shown.width)}` : "",
    `Zoom ${Math.round(stack.zoom * 100)} %`,
  ].filter(Boolean).join("\n") : "";
  at("slider").value = (stack?.at ?? 0) + 1;
}

function stop() { clearInterval(playing); playing = null; at("play").textContent = "Play"; }

function play() {
  if (playing) { stop(); return; }
  at("play").textContent = "Stop";
  playing = setInterval(() => stack.show((stack.at + 1) % Math.max(stack.slices.length, 1)), 80);
}

function listen() {
  const picture = at("picture");
  at("search").onsubmit = (event) => { event.preventDefault(); location.hash = ""; search(); };
  at("more").onclick = () => search(true);
  at("home").href = `./${location.search}`;
  at("back").onclick = () => { location.hash = ""; };
  at("reset").onclick = () => stack.reset();
  at("invert").onclick = () => stack.invert();
  at("play").onclick = play;
  at("slider").oninput = (event) => { stop(); stack.show(Number(event.target.value) - 1); };
  picture.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) stack.magnify(event.deltaY < 0 ? 1.15 : 1 / 1.15);
    else { stop(); stack.show(stack.at + Math.sign(event.deltaY)); }
  }, { passive: false });
  picture.onpointerdown = (event) => picture.setPointerCapture(event.pointerId);
  picture.onpointermove = (event) => {
    if (!event.buttons) return;
    if (event.shiftKey || event.buttons === 4) stack.pan(event.movementX, event.movementY);
    else if (event.buttons === 2) stack.magnify(1 - event.movementY / 200);
    else stack.adjust(event.movementX, event.movementY);
  };
  picture.oncontextmenu = (event) => event.preventDefault();
  const keys = {
    ArrowDown: () => stack.show(stack.at + 1), ArrowUp: () => stack.show(stack.at - 1),
    PageDown: () => stack.show(stack.at + 10), PageUp: () => stack.show(stack.at - 10),
    Home: () => stack.show(0), End: () => stack.show(stack.slices.length - 1),
    "+": () => stack.magnify(1.15), "-": () => stack.magnify(1 / 1.15),
    r: () => stack.reset(), i: () => stack.invert(), " ": play, Escape: () => { location.hash = ""; },
  };
  picture.onkeydown = (event) => {
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
  window.onhashchange = route;
}

function route() {
  const uid = decodeURIComponent(location.hash.slice(1));
  stop();
  if (/^[0-9.]+$/.test(uid)) { openStudy(uid); return; }
  turnTo(false);
  stack.open([]);
  if (!found) search();
}

listen();
route();
