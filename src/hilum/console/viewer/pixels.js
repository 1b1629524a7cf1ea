// From a frame to what a canvas shows: grey values with a window, everything else as a picture.
import { frameBytes, framePicture, number, value, values } from "./dicomweb.js";

const GREY = new Set(["MONOCHROME1", "MONOCHROME2"]);

// Where numbers become light by a table, or are something else than grey, the gateway draws.
function isPlain(object) {
  const bits = number(object, "BitsAllocated");
  return GREY.has(value(object, "Photometric")) && number(object, "SamplesPerPixel", 1) === 1 &&
    (bits === 8 || bits === 16) && !values(object, "ModalityLUT").length && !values(object, "VOILUT").length;
}

export async function load(place, frame, object) {
  if (!isPlain(object)) return drawn(place, frame);
  try {
    return new Grey(await frameBytes(place, frame), object);
  } catch (refusal) {
    // Perhaps it can be drawn although it cannot be given as numbers.
    return drawn(place, frame);
  }
}

async function drawn(place, frame) {
  const bitmap = await framePicture(place, frame);
  return { width: bitmap.width, height: bitmap.height, isGrey: false, draw: () => bitmap };
}

class Grey {
  constructor(buffer, object) {
    this.width = number(object, "Columns");
    this.height = number(object, "Rows");
    this.isGrey = true;
    this.isInverse = value(object, "Photometric") === "MONOCHROME1";
    this.slope = number(object, "RescaleSlope", 1) || 1;
    this.intercept = number(object, "RescaleIntercept", 0);
    this.numbers = numbers(buffer, object, this.width * this.height);
    this.first = this.firstWindow(object);
  }

  firstWindow(object) {
    const width = number(object, "WindowWidth", 0);
    if (width >= 1) return { center: number(object, "WindowCenter"), width };
    let low = Infinity, high = -Infinity;
    for (const one of this.numbers) { if (one < low) low = one; if (one > high) high = one; }
    const ends = [low * this.slope + this.intercept, high * this.slope + this.intercept];
    return { center: (ends[0] + ends[1]) / 2, width: Math.max(Math.abs(ends[1] - ends[0]), 1) };
  }

  // PS3.3 §C.11.2.1.2: the linear function of a window.
  draw({ center, width }, isInverted) {
    const light = new Uint8ClampedArray(this.width * this.height * 4);
    const scale = 255 / Math.max(width - 1, 1);
    const shift = 127.5 - (center - 0.5) * scale;
    const flip = this.isInverse !== isInverted;
    const slope = this.slope * scale, offset = this.intercept * scale + shift;
    for (let at = 0, to = 0; at < this.numbers.length; at++, to += 4) {
      let grey = this.numbers[at] * slope + offset;
      if (flip) grey = 255 - grey;
      light[to] = light[to + 1] = light[to + 2] = grey;
      light[to + 3] = 255;
    }
    return new ImageData(light, this.width, this.height);
  }
}

function numbers(buffer, object, count) {
  const isSigned = number(object, "PixelRepresentation") === 1;
  const stored = number(object, "BitsStored") || number(object, "BitsAllocated");
  const low = (number(object, "HighBit") || stored - 1) + 1 - stored;
  const wide = number(object, "BitsAllocated") === 16;
  const raw = wide ? new Uint16Array(buffer, 0, count) : new Uint8Array(buffer, 0, count);
  const found = new Int32Array(count);
  const up = 32 - stored - low, down = 32 - stored;
  // What lies beside the stored bits (overlays of old) is shifted out.
  for (let at = 0; at < count; at++) {
    found[at] = isSigned ? (raw[at] << up) >> down : (raw[at] << up) >>> down;
  }
  return found;
}
