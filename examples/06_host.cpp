/*
 * examples/06_host.cpp - a C++ program, through mdl.hpp
 *
 *     06_host ride.mdl
 *
 * Reads rows of numbers from standard input, as many as the model has columns ("nan" is
 * missing), and prints for each the main output.  C++11 and later.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl.hpp"

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

static int run(const char *path)
{
    const mdl::model model = mdl::model::load(path);
    std::vector<float> x;
    std::string word;

    while (std::cin >> word)
        x.push_back(std::strtof(word.c_str(), nullptr));

    const std::vector<float> y = model.predict(x);       /* throws when x has no whole rows */
    const std::size_t cols = model.output_cols();
    std::cout.precision(9);
    for (std::size_t i = 0; i < y.size(); i++)
        std::cout << y[i] << ((i + 1) % cols ? ' ' : '\n');

    /* Leaves, if the model has trees, into memory of ours. */
    const std::size_t leaf = model.find_output(MDL_OUTPUT_LEAF);
    if (leaf != SIZE_MAX) {
        const std::size_t trees = static_cast<std::size_t>(model.output(leaf).cols);
        std::vector<std::int32_t> leaves(y.size() / cols * trees);
        model.predict(x, leaves, MDL_OUTPUT_LEAF);
        std::cout << "trees: " << trees << '\n';
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " MODEL.mdl < rows\n";
        return 2;
    }
    try {
        return run(argv[1]);
    } catch (const mdl::error &e) {
        std::cerr << argv[1] << ": " << e.what() << '\n';
        return 1;
    }
}
