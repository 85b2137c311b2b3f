/*
 * import/import_list.h - every importer: IMPORTER(name), an exported `struct importer
 * mdl_importer_<name>`.  The only list; asked in this order.
 *
 * SPDX-License-Identifier: MIT
 */
IMPORTER(xgboost)     /* xgboost.c    JSON and UBJSON of XGBoost 1.0 and newer */
IMPORTER(ydf)         /* ydf.c        folders and Model.serialize of YDF       */
IMPORTER(onnx)        /* onnx.c       ONNX models                            */
IMPORTER(lightgbm)    /* lightgbm.c   text of LightGBM 2 and newer             */
IMPORTER(catboost)    /* catboost.c   cbm and JSON of CatBoost 0.20 and newer    */
IMPORTER(treelite)    /* treelite.c   checkpoints of treelite 4                */
