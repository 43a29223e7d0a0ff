/** The one door to TensorFlow. */
export * from "./adam";
export * from "./affine";
export * from "./backend";
export * from "./frozen";
export * from "./host-adam";
export * from "./kernels";
export * from "./lazy-tensor";
export * from "./muon";
export * from "./nn";
export * from "./ownership";
export * from "./parameter-store";
export * from "./random";
export * from "./raw";
export * from "./rules";
export * from "./tape";
export * from "./tower-kernel";
export * from "./variable";
