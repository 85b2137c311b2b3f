/*
 * tests/test_hpp.cpp - mdl.hpp: every function, under every standard from C++11 on
 *
 *     test_hpp TESTDATA
 *
 * Compiled once per standard, and once without exceptions (then only the try_ calls are
 * there).  The model is golden_v1_small.mdl; its answers are worked out by hand in test.h:
 * (1, 0) -> 2.5   (2, 1) -> 8.5   (2, 0) -> 4.5
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#if __cplusplus >= 202002L
#include <span>
#endif

static int failures;

#define CLAIM(holds) \
    ((holds) ? void() : (std::printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #holds), \
                         void(failures++)))

static_assert(!std::is_copy_constructible<mdl::model>::value, "a model is not copied");
static_assert(std::is_nothrow_move_constructible<mdl::model>::value, "but it moves");
static_assert(!std::is_copy_constructible<mdl::context>::value, "nor is a context");

static std::string path;

/* ---- without exceptions ------------------------------------------------------------------- */

static void loading_and_moving()
{
    mdl::model m;
    mdl_error e = mdl::no_error();

    CLAIM(!m && !m.get());
    CLAIM(m.try_load("no such file", nullptr, &e) == MDL_ERR_IO && e.text[0] && !m);
    CLAIM(m.try_load(path.c_str()) == MDL_OK && m);
    mdl::model other(std::move(m));
    CLAIM(other && !m);
    m = std::move(other);
    CLAIM(m && !other);
    mdl::model &self = m;
    m = std::move(self);
    CLAIM(static_cast<bool>(m));
    mdl_model *raw = m.release();
    CLAIM(!m && raw);
    m = mdl::model(raw);
    CLAIM(m.get() == raw);
    CLAIM(m.try_load_memory("junk", 4, nullptr, &e) == MDL_ERR_FORMAT && !m);
}

static void predicting(const mdl::model &m)
{
    const float x[] = { 1, 0, 2, 1, 2, 0 };
    const std::vector<double> wide(x, x + 6);
    std::array<float, 3> y = { { 0, 0, 0 } };
    std::vector<double> wide_y(3);
    std::vector<std::int32_t> leaves(6);
    mdl_error e = mdl::no_error();

    CLAIM(m.try_predict(x, y) == MDL_OK && y[0] == 2.5f && y[1] == 8.5f && y[2] == 4.5f);
    CLAIM(m.try_predict(wide, wide_y) == MDL_OK && wide_y[1] == 8.5);
    CLAIM(m.try_predict(wide, leaves, mdl::model::select(MDL_OUTPUT_LEAF)) == MDL_OK);
    CLAIM(leaves[0] == 1 && leaves[1] == 1 && leaves[2] == 4 && leaves[4] == 3);
    leaves.assign(6, -1);
    CLAIM(m.try_predict(x, leaves, mdl::model::select("leaf")) == MDL_OK && leaves[2] == 4);

    /* the first round of trees alone: 0.5 + 1, 0.5 + 4, 0.5 + 2 */
    mdl_predict_options first = mdl::model::select(MDL_OUTPUT_RAW);
    first.tree_end = 1;
    CLAIM(m.try_predict(x, y, first) == MDL_OK && y[0] == 1.5f && y[1] == 4.5f && y[2] == 2.5f);

    /* after one round and after both; what the sums start from and the two trees */
    mdl_predict_options staged = mdl::model::select(MDL_OUTPUT_RAW);
    std::vector<double> stages(6), trees(9);
    staged.stage_every = 1;
    CLAIM(m.try_predict(x, stages, staged) == MDL_OK && stages[1] == 4.5 && stages[4] == 8.5);
    CLAIM(m.try_predict(x, y, staged, &e) == MDL_ERR_DATA);
    CLAIM(m.try_predict(x, trees, mdl::model::select(MDL_OUTPUT_TREES)) == MDL_OK);
    CLAIM(trees[0] == 0.5 && trees[1] == 1 && trees[5] == 4);

    mdl::context context(m, 2);
    mdl_predict_options how = mdl::model::select(MDL_OUTPUT_MAIN);
    how.context = context.get();
    CLAIM(context.get() != nullptr);
    CLAIM(m.try_predict(x, wide_y, how) == MDL_OK && wide_y[2] == 4.5);

#if __cplusplus >= 202002L
    const std::span<const float> view(x);
    CLAIM(m.try_predict(view, std::span<float>(y)) == MDL_OK && y[0] == 2.5f);
#endif

    /* what does not fit is refused, with a reason */
    std::vector<float> two(2), five(5);
    CLAIM(m.try_predict(x, two, &e) == MDL_ERR_DATA && std::strstr(e.text, "one row of results"));
    CLAIM(m.try_predict(five, y, &e) == MDL_ERR_DATA && std::strstr(e.text, "whole rows"));
    CLAIM(m.try_predict(x, y, mdl::model::select("no"), &e) == MDL_ERR_NOT_FOUND && e.text[0]);
    CLAIM(m.try_predict(x, two, mdl::model::select(MDL_OUTPUT_LEAF), &e) == MDL_ERR_DATA);
    const mdl::model none;
    CLAIM(none.try_predict(x, y, &e) == MDL_ERR_ARGUMENT && std::strstr(e.text, "empty"));
    CLAIM(none.try_predict(x, leaves, mdl::model::select(MDL_OUTPUT_LEAF), &e) != MDL_OK);
    CLAIM(mdl::context(none).get() == nullptr);
    CLAIM(m.try_predict(std::vector<float>(), std::vector<float>()) == MDL_OK);
}

static void asking(const mdl::model &m)
{
    CLAIM(m.input_cols() == 2 && m.output_cols() == 1 && m.inputs() == 1 && m.outputs() == 2);
    CLAIM(std::string(m.input(0).name) == "x" && m.input(0).type == MDL_F32);
    CLAIM(m.input(1).name == nullptr);
    CLAIM(std::string(m.output(1).name) == "leaf" && m.output(1).cols == 2);
    CLAIM(m.output(2).name == nullptr);
    CLAIM(m.column(1).kind == MDL_COLUMN_CATEGORY && m.column(1).n_categories == 4);
    CLAIM(m.column(2).name == nullptr);
    CLAIM(m.find_column("colour") == 1 && m.find_column("no") == SIZE_MAX);
    CLAIM(m.find_output("leaf") == 1 && m.find_output(MDL_OUTPUT_LEAF) == 1);
    CLAIM(m.find_output(MDL_OUTPUT_PROBA) == SIZE_MAX);
    CLAIM(std::string(m.category(1, 3)) == "black" && !m.category(1, 4));
    CLAIM(m.label(0, 0) == nullptr);
    CLAIM(std::string(m.metadata("framework")) == "none" && !m.metadata("no"));
    CLAIM(m.metadata_count() == 1 && std::string(m.metadata(std::size_t(0)).first) == "framework");
    CLAIM(m.metadata(1).first == nullptr);
    CLAIM(std::string(m.isa()).size() > 2);
}

static void tables_and_spans()
{
    double cells[6] = { 0 };
    const mdl_tensor t = mdl::table(cells, 2, 3, "x");
    std::vector<float> v(4);
    const mdl::span<float> s(v);
    const mdl::span<const float> empty;

    CLAIM(t.type == MDL_F64 && t.rank == 2 && t.dims[0] == 2 && t.dims[1] == 3 && t.data == cells);
    CLAIM(t.size == sizeof t && std::string(t.name) == "x" && t.strides[0] == 0);
    CLAIM(mdl::table(static_cast<const std::int64_t *>(nullptr), 0, 1).type == MDL_I64);
    s[1] = 7;
    CLAIM(v[1] == 7 && s.size() == 4 && s.end() - s.begin() == 4 && s.data() == v.data());
    CLAIM(empty.size() == 0 && empty.data() == nullptr);
}

/* ---- with them ------------------------------------------------------------------------------ */

#ifndef MDL_NO_EXCEPTIONS
template <class F> static mdl_status thrown(F f)
{
    try {
        f();
    } catch (const std::exception &any) {
        const mdl::error *e = dynamic_cast<const mdl::error *>(&any);
        CLAIM(e && e->what()[0]);
        return e ? e->status() : MDL_OK;
    }
    return MDL_OK;
}

static void throwing()
{
    const mdl::model m = mdl::model::load(path.c_str());
    const std::vector<float> x = { 1, 0, 2, 1 };
    std::vector<float> y(2), one(1);
    std::vector<double> wide_y(2);
    std::vector<std::int32_t> leaves(4);

    CLAIM(m.predict(x) == std::vector<float>({ 2.5f, 8.5f }));
    CLAIM(m.predict(std::vector<double>({ 2, 0 })) == std::vector<double>({ 4.5 }));
    m.predict(x, y);
    CLAIM(y[1] == 8.5f);
    m.predict(std::vector<double>(x.begin(), x.end()), wide_y);
    CLAIM(wide_y[0] == 2.5);
    m.predict(x, leaves, MDL_OUTPUT_LEAF);
    CLAIM(leaves[0] == 1 && leaves[2] == 4);
    m.predict(x, y, "y");
    CLAIM(y[0] == 2.5f);
    m.predict(x, y, mdl::model::select(MDL_OUTPUT_RAW));

    CLAIM(thrown([] { mdl::model::load("no such file"); }) == MDL_ERR_IO);
    CLAIM(thrown([] { mdl::model::load_memory("junk", 4); }) == MDL_ERR_FORMAT);
    CLAIM(thrown([&] { m.predict(x, one); }) == MDL_ERR_DATA);
    CLAIM(thrown([&] { m.predict(x, y, "no"); }) == MDL_ERR_NOT_FOUND);
    CLAIM(thrown([] { mdl::model().predict(std::vector<float>()); }) == MDL_ERR_ARGUMENT);
    std::uint64_t offset = MDL_NO_OFFSET;
    try {
        mdl::model::load_memory("0123456789", 10);
    } catch (const mdl::error &e) {
        offset = e.offset();
        CLAIM(e.section() != nullptr);
    }
    CLAIM(offset != MDL_NO_OFFSET);

    std::FILE *f = std::fopen(path.c_str(), "rb");
    std::vector<char> bytes(65536);
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), f));
    std::fclose(f);
    CLAIM(mdl::model::load_memory(bytes.data(), bytes.size()).predict(x)[0] == 2.5f);
}
#endif

/* More rows than stay on one thread: the same answers. */
static void pooling(const mdl::model &m)
{
    const std::size_t rows = 20000, cols = m.input_cols();
    std::vector<float> x(rows * cols), alone(rows * m.output_cols()), shared(alone.size());
    mdl_predict_options how = mdl::model::select(static_cast<std::uint32_t>(MDL_OUTPUT_MAIN));
    mdl::pool empty, pool;

    for (std::size_t i = 0; i < x.size(); i++)
        x[i] = static_cast<float>(i * 7 % 13) / 4;
    CLAIM(!empty && empty.get() == nullptr);
    CLAIM(pool.try_create(2) == MDL_OK);
    CLAIM(pool && pool.get()->threads == 2);
    mdl::pool moved(std::move(pool));
    how.parallel = moved.get();
    CLAIM(m.try_predict(x, alone) == MDL_OK);
    CLAIM(m.try_predict(x, shared, how) == MDL_OK);
    CLAIM(alone == shared);
    CLAIM(moved.try_create(1000000) == MDL_ERR_ARGUMENT);
    CLAIM(!moved);
}

/* By hand, against (2, 1) whose answer is 8.5: age alone takes 6 away or, after colour, 2. */
static void explaining(const mdl::model &m)
{
    const std::vector<float> x = { 1, 0, 2, 1 }, other = { 2, 1 };
    const mdl_tensor background = mdl::table(other.data(), 1, 2);
    mdl_explain_options o = MDL_EXPLAIN_OPTIONS_INIT;
    mdl::explainer none, e;
    mdl_error why = mdl::no_error();

    CLAIM(!none && none.size(3) == 0 && none.try_explain(x, std::vector<double>()) == MDL_ERR_DATA);
    CLAIM(none.try_create(m, nullptr, &why) == MDL_ERR_UNSUPPORTED && !none);
    CLAIM(std::string(why.text).find("no covers") != std::string::npos);
    o.method = MDL_EXPLAIN_BACKGROUND;
    o.background = &background;
    CLAIM(e.try_create(m, &o) == MDL_OK && e.size(2) == 6);
    std::vector<double> v(e.size(2));
    CLAIM(e.try_explain(x, v) == MDL_OK);
    CLAIM(v == std::vector<double>({ -4, -2, 8.5, 0, 0, 8.5 }));
    CLAIM(std::string(e.column(0)) == "age" && e.column(2) == nullptr);
    const mdl::explainer moved(std::move(e));
    CLAIM(!e && moved && moved.get() != nullptr);
#ifndef MDL_NO_EXCEPTIONS
    moved.explain(x, v);
    CLAIM(thrown([&] { mdl::explainer fails(m); }) == MDL_ERR_UNSUPPORTED);
    CLAIM(thrown([&] { moved.explain(other, v); }) == MDL_ERR_DATA);
#endif
}

int main(int argc, char **argv)
{
    path = std::string(argc > 1 ? argv[1] : "tests/data") + "/golden_v1_small.mdl";
    loading_and_moving();
    tables_and_spans();

    mdl::model m;
    CLAIM(m.try_load(path.c_str()) == MDL_OK);
    predicting(m);
    asking(m);
    pooling(m);
    explaining(m);
#ifndef MDL_NO_EXCEPTIONS
    throwing();
#endif
    std::printf("mdl.hpp, C++ %ld: %d failed\n", static_cast<long>(__cplusplus), failures);
    return failures != 0;
}
