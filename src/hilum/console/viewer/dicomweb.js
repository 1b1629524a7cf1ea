// What the page asks the gateway for. Everything is on the host that the page came from.
// `?entity=TITLE` in its address: another entity than the default one.
const ENTITY = new URLSearchParams(location.search).get("entity");
const ROOT = new URL(ENTITY ? `../aets/${encodeURIComponent(ENTITY)}/rs/` : "../dicom-web/", document.baseURI).pathname;

export class Refusal extends Error {}

async function ask(path, accept) {
  const response = await fetch(ROOT + path, { headers: { Accept: accept } });
  if (!response.ok) {
    let reason = "";
    try { reason = (await response.json()).detail ?? ""; } catch { /* not a problem document */ }
    throw new Refusal(`${response.status}: ${reason || response.statusText}`);
  }
  return response;
}

async function objects(path) {
  const response = await ask(path, "application/dicom+json");
  return response.status === 204 ? [] : response.json();
}

export const studies = (parameters) => objects(`studies?${parameters}`);
export const series = (study) => objects(`studies/${study}/series?includefield=all`);
export const metadata = (study, one) => objects(`studies/${study}/series/${one}/metadata`);
export const thumbnail = (study, one) => `${ROOT}studies/${study}/series/${one}/thumbnail`;

const framePath = (place, frame) =>
  `studies/${place.study}/series/${place.series}/instances/${place.instance}/frames/${frame}`;

// A frame as plain numbers; compressed ones are decoded by the gateway.
export async function frameBytes(place, frame) {
  const accept = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1";
  return (await ask(framePath(place, frame), accept)).arrayBuffer();
}

export async function framePicture(place, frame) {
  const response = await ask(`${framePath(place, frame)}/rendered`, "image/jpeg, image/png");
  return createImageBitmap(await response.blob());
}

// Values of the DICOM JSON Model by keyword of the few attributes that are shown or needed.
const TAGS = {
  PatientName: "00100010", PatientID: "00100020", StudyDate: "00080020", StudyTime: "00080030",
  ModalitiesInStudy: "00080061", Modality: "00080060", StudyDescription: "00081030",
  SeriesDescription: "0008103E", SeriesNumber: "00200011", InstanceNumber: "00200013",
  StudyInstanceUID: "0020000D", SeriesInstanceUID: "0020000E", SOPInstanceUID: "00080018",
  StudyInstances: "00201208", SeriesInstances: "00201209", Rows: "00280010", Columns: "00280011",
  NumberOfFrames: "00280008", SamplesPerPixel: "00280002", Photometric: "00280004",
  BitsAllocated: "00280100", BitsStored: "00280101", HighBit: "00280102",
  PixelRepresentation: "00280103", WindowCenter: "00281050", WindowWidth: "00281051",
  RescaleIntercept: "00281052", RescaleSlope: "00281053", ModalityLUT: "00283000",
  VOILUT: "00283010", SliceLocation: "00201041", ImagePosition: "00200032",
};

export function values(object, keyword) {
  return object[TAGS[keyword]]?.Value ?? [];
}

export function value(object, keyword, otherwise = "") {
  return values(object, keyword)[0] ?? otherwise;
}

export function number(object, keyword, otherwise = 0) {
  const found = Number(value(object, keyword, NaN));
  return Number.isFinite(found) ? found : otherwise;
}

export function name(object) {
  const found = value(object, "PatientName", {});
  const groups = [found.Alphabetic, found.Ideographic].filter(Boolean);
  return groups.map((group) => group.replace(/\^+$/, "").replace(/\^/, ", ").replaceAll("^", " ")).join(" · ");
}

export function date(object) {
  const text = value(object, "StudyDate");
  return /^\d{8}$/.test(text) ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : text;
}
