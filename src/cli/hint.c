/*
 * cli/hint.c - what a file is, from its first bytes, and the way out
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cli.h"

#include <string.h>

#define CONVERTS  "; 'mdl convert' makes a .mdl file of it"
#define IN_PYTHON "load it in Python there and save it with mdl.convert(model).save('model.mdl')"

static const struct {
    const char *magic;
    size_t      length;
    const char *hint;
} known[] = {
    { "\x89MDL\r\n\x1a\n", 8, "it is a .mdl model" },
    { "{", 1, "it looks like a model of XGBoost or CatBoost" CONVERTS },
    { "tree\n", 5, "it is a LightGBM model" CONVERTS },
    { "tree\r\n", 6, "it is a LightGBM model" CONVERTS },
    { "binf", 4, "it is an XGBoost model in the old binary form; save it as .json or .ubj with "
                 "XGBoost 1.x to 2.x" },
    { "\x80\x02", 2, "it is a Python pickle, which can run code; " IN_PYTHON },
    { "\x80\x03", 2, "it is a Python pickle, which can run code; " IN_PYTHON },
    { "\x80\x04", 2, "it is a Python pickle, which can run code; " IN_PYTHON },
    { "\x80\x05", 2, "it is a Python pickle, which can run code; " IN_PYTHON },
    { "\x93NUMPY", 6, "it is a numpy array" },
    { "PK\x03\x04", 4, "it is a zip file, as PyTorch and Keras save; torch.onnx.export and Keras' "
                       "export write ONNX models" },
    { "version https://git-lfs", 23,
      "it is a pointer of Git LFS; 'git lfs pull' fetches the file" },
    { "\x1f\x8b", 2, "it is compressed with gzip; unpack it first" },
    { "\x28\xb5\x2f\xfd", 4, "it is compressed with zstd; unpack it first" },
    { "BZh", 3, "it is compressed with bzip2; unpack it first" },
    { "\xfd" "7zXZ", 5, "it is compressed with xz; unpack it first" },
    { "\x89HDF", 4, "it is an HDF5 file" },
    { "CBM1", 4, "it is a CatBoost model" CONVERTS },
    { "BS\1\0\0\0\0\0\3\0\0\0YDF", 15, "it is a model of YDF" CONVERTS },
    { "<?xml", 5, "it is an XML file" },
    { "PAR1", 4, "it is a Parquet file; write the rows as .csv or .npy" },
    { "ARROW1", 6, "it is an Arrow file; write the rows as .csv or .npy" },
};

/* Does it begin as an ONNX model does: its version, then a small field or the graph? */
static int is_onnx(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;

    return size > 4 && p[0] == 8 && p[1] < 32 && p[2]
        && strchr("\x12\x1A\x22\x28\x32\x3A\x42", p[2]);
}

const char *cli_file_hint(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (size >= known[i].length && !memcmp(bytes, known[i].magic, known[i].length))
            return known[i].hint;
    if (is_onnx(bytes, size))
        return "it looks like an ONNX model" CONVERTS;
    if (size > 8 && !memcmp(p + 4, "TFL3", 4))
        return "it is a TensorFlow Lite model; tf2onnx makes an ONNX model of it";
    if (size > 8 && !memcmp(p + 4, "ORTM", 4))
        return "it is a model in ONNX Runtime's own form; convert the ONNX model it was made from";
    return NULL;
}

int cli_file_converts(const void *bytes, size_t size)
{
    const char *hint = cli_file_hint(bytes, size);

    return hint && strstr(hint, CONVERTS);
}
